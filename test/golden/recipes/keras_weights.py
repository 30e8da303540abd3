"""What is said of a layer's weights, as Keras' arguments."""
import keras


def factors(option):
    """Our regularizer, a name or { l1, l2 }, as (l1, l2)."""
    named = {"l1": (0.01, 0.0), "l2": (0.0, 0.01), "l1l2": (0.01, 0.01)}
    return named[option] if isinstance(option, str) else (option.get("l1", 0), option.get("l2", 0))


def regularizer(option):
    return None if option is None else keras.regularizers.L1L2(*factors(option))


def constraint(option):
    if option is None:
        return None
    option = {"name": option} if isinstance(option, str) else option
    axis = option.get("axis", 0)
    return {"maxNorm": lambda: keras.constraints.MaxNorm(option.get("maxValue", 2), axis),
            "nonNeg": keras.constraints.NonNeg,
            "unitNorm": lambda: keras.constraints.UnitNorm(axis)}[option["name"]]()


def of_weights(options, *weights):
    return {k: v for w in weights for k, v in {
        f"{w}_regularizer": regularizer(options.get(f"{w}Regularizer")),
        f"{w}_constraint": constraint(options.get(f"{w}Constraint"))}.items()}


def others(options):
    """The options that say nothing of weights or activities."""
    return {k: v for k, v in options.items() if not k.endswith(("Regularizer", "Constraint"))}
