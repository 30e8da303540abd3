"""keras.layers.LSTM and SimpleRNN, Bidirectional over them, and GRUCell, LSTMCell and SimpleRNNCell
applied by hand. Keras 3.15.1 on PyTorch 2.13.0; seeds 1000 and up.

Masks as in keras_masks.py. Checked against the equations, and where PyTorch can (no masks, default
activations, forwards) against torch.nn.LSTM and torch.nn.RNN, all to 1e-12.
"""
import with_equations
import with_torch
from common import STATES, again, bidirectional, dense, model, recurrent, write_case
from keras_masks import EMPTY, HOLES, LEFT, MIXED, RIGHT
from with_keras import FRAMEWORK, evaluate


def case(name, seed, *arguments, torch=False, **options):
    write_case("cells", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[with_equations.evaluate] + ([with_torch.evaluate] if torch else []))


def masked(name, seed, mask, *arguments):
    case(name, seed, *arguments, len(mask), len(mask[0]), mask={"x": mask})


def variants(kind, label, seed):
    count = STATES[kind]
    starts = [f"s{k}" for k in range(count)]
    x, initial = {"x": [None, 3]}, {"x": [None, 3], **{s: [4] for s in starts}}
    every = [kind] + [f"{kind}:{k + 1}" for k in range(count)]
    all_states = {"returnSequences": True, "returnState": True}

    def layer(inputs="x", **options):
        return recurrent(kind, inputs, **{"units": 4, **options})

    from_initial = layer(["x", *starts], **all_states)
    case(f"{label}-sequences", seed, model(x, [layer(returnSequences=True)]), 3, 6, torch=True)
    case(f"{label}-last", seed + 1, model(x, [layer(units=7)]), 4, 5, torch=True)
    case(f"{label}-state", seed + 2, model(initial, [from_initial], every), 3, 5, torch=True)
    case(f"{label}-no-bias", seed + 3, model(x, [
        layer(useBias=False, returnSequences=True)]), 2, 5, torch=True)
    case(f"{label}-one-step", seed + 4, model(initial, [layer(["x", *starts])]), 2, 1, torch=True)
    case(f"{label}-stacked", seed + 5, model(x, [
        layer(units=6, returnSequences=True), recurrent(kind, kind, "upper", units=3)]), 3, 7,
        torch=True)
    case(f"{label}-long", seed + 6, model({"x": [None, 10]}, [
        layer(units=24, returnSequences=True)]), 3, 100, torch=True)
    case(f"{label}-go-backwards", seed + 7, model(initial, [
        layer(["x", *starts], goBackwards=True, **all_states)], every), 2, 6)
    masks = {"holes": HOLES, "left": LEFT, "right": RIGHT, "empty-row": EMPTY}
    for k, (name, mask) in enumerate(masks.items()):
        masked(f"{label}-{name}", seed + 10 + k, mask, model(x, [layer(**all_states)], every))
    masked(f"{label}-repeat", seed + 14, MIXED, model(initial, [
        layer(["x", *starts], maskedOutput="repeat", **all_states)], every))
    masked(f"{label}-initial-state", seed + 15, MIXED, model(initial, [from_initial], every))
    masked(f"{label}-last-masked", seed + 16, MIXED, model(x, [layer(units=5)]))
    both = ["bidirectional"] + [f"bidirectional:{k + 1}" for k in range(2 * count)]
    masked(f"{label}-bidirectional", seed + 17, MIXED, model(x, [
        bidirectional(kind=kind, units=3, **all_states)], both))
    case(f"{label}-bidirectional-initial-state", seed + 18, model(
        {**x, **{f"f{k}": [3] for k in range(2 * count)}},
        [bidirectional(["x"] + [f"f{k}" for k in range(2 * count)], kind=kind, units=3,
                       returnSequences=True)]), 3, 5, torch=True)
    for k, (name, options) in enumerate({
            "relu": {"activation": "relu"},
            "softsign": {"activation": "softsign", "recurrentActivation": "hardSigmoid"},
            "elu": {"activation": {"name": "elu", "alpha": 0.7}}}.items()):
        if kind == "simpleRnn":
            options.pop("recurrentActivation", None)
        case(f"{label}-{name}", seed + 20 + k, model(x, [
            layer(returnSequences=True, **options)]), 3, 5)


def by_hand(kind, label, seed, **options):
    """Two steps, of which the second reads what the first answered."""
    starts = [f"s{k}" for k in range(STATES[kind])]
    first = recurrent(f"{kind}Cell", ["x", *starts], "cell", units=4, **options)
    second = again("second", first, ["dense"] + [f"cell:{k + 1}" for k in range(STATES[kind])])
    case(label, seed, model(
        {"x": [3], **{s: [4] for s in starts}}, [first, dense("cell", units=3), second],
        ["cell", *[f"second:{k}" for k in range(1 + STATES[kind])]]), 3, 0)


def main():
    variants("lstm", "lstm", 1000)
    variants("simpleRnn", "simple-rnn", 1030)
    by_hand("gru", "gru-cell", 1060)
    by_hand("gru", "gru-cell-reset-before", 1061, resetAfter=False, activation="relu")
    by_hand("lstm", "lstm-cell", 1062)
    by_hand("simpleRnn", "simple-rnn-cell", 1063, useBias=False)


if __name__ == "__main__":
    main()
