"""Evaluates a model description with Keras 3 (backend torch, float64, the generic RNN loop)."""
from around_equations import next_mask
from common import (ATTENTIONS, CELLS, CONVOLUTIONS, POOLINGS, STATES, as_list, cell_of,
                    parameter_shapes, torch, trainable)

import keras
from keras.src.backend.common import dtypes

import around_keras
from keras_weights import of_weights, others, regularizer

keras.config.set_floatx("float64")
# Keras narrows the results of float64 operations to float32 on every backend but TensorFlow, even
# with this floatx (layers cast back, so that it cannot be seen in a dtype). Not here.
dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
FRAMEWORK = f"keras {keras.__version__} (torch {torch.__version__.split('+')[0]} backend)"


def activation(value):
    """Our activation, a name or { name, alpha, beta }, as a Keras one."""
    if isinstance(value, str):
        # keras.activations.hard_sigmoid is torch's, whose derivative is 1/6 in float32 even in
        # double (off by 3e-8); the same function by clip.
        if value == "hardSigmoid":
            return lambda x: keras.ops.clip(x / 6 + 0.5, 0.0, 1.0)
        if value == "hardSigmoidLegacy":  # Keras 2 and TF.js; Keras 3 has it no more
            return lambda x: keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)
        return keras.activations.get(value)
    name, alpha, beta = value["name"], value.get("alpha"), value.get("beta")
    if name == "hardSigmoid":
        return lambda x: keras.ops.clip(alpha * x + beta, 0.0, 1.0)
    if name == "leakyRelu":
        return lambda x: keras.activations.leaky_relu(x, negative_slope=alpha)
    if name == "elu":
        return lambda x: keras.activations.elu(x, alpha=alpha)
    raise ValueError(name)


KERAS_NAMES = {"kernelSize": "kernel_size", "dilationRate": "dilation_rate", "useBias": "use_bias",
               "depthMultiplier": "depth_multiplier", "poolSize": "pool_size"}


def of_cell(kind, options):
    """What a layer and its cell have in common."""
    own = {"activation": activation(options.get("activation", "tanh")),
           "use_bias": options.get("useBias", True),
           **of_weights(options, "kernel", "recurrent", "bias")}
    if kind != "simpleRnn":
        own["recurrent_activation"] = activation(options.get("recurrentActivation", "sigmoid"))
    if kind == "gru":
        own["reset_after"] = options.get("resetAfter", True)
    return own


def cell(kind, options):
    layer = {"gru": keras.layers.GRUCell, "lstm": keras.layers.LSTMCell,
             "simpleRnn": keras.layers.SimpleRNNCell}[kind]
    return layer(options["units"], **of_cell(kind, options))


def recurrent_layer(kind, options, return_state=True):
    sequences = options.get("returnSequences", False)
    own = of_cell(kind, options)
    if kind != "simpleRnn":
        own["use_cudnn"] = False
    layer = {"gru": keras.layers.GRU, "lstm": keras.layers.LSTM,
             "simpleRnn": keras.layers.SimpleRNN}[kind]
    return layer(
        options["units"],
        return_sequences=sequences,
        return_state=return_state,
        go_backwards=options.get("goBackwards", False),
        # Ours by default; Keras' own default is to repeat the previous output.
        zero_output_for_mask=sequences and options.get("maskedOutput", "zero") == "zero",
        **own)


def build(node, **use):
    kind, options = node["kind"], node["options"]
    if kind in around_keras.LAYERS:
        return around_keras.LAYERS[kind](options)
    if kind in STATES:
        return recurrent_layer(kind, options, **use)
    if kind in CELLS:
        return cell(CELLS[kind], options)
    if kind == "bidirectional":
        merge = options["mergeMode"]
        return keras.layers.Bidirectional(recurrent_layer(*cell_of(node), **use),
                                          merge_mode=None if merge == "none" else merge)
    if kind in CONVOLUTIONS + POOLINGS:
        given = {KERAS_NAMES.get(k, k): v for k, v in others(options).items()}
        if kind in CONVOLUTIONS:
            given["activation"] = activation(options.get("activation", "linear"))
            given |= of_weights(options, "depthwise" if kind.startswith("d") else "kernel", "bias")
        return getattr(keras.layers, kind[0].upper() + kind[1:-1] + "D")(**given)
    return keras.layers.Dense(options["units"], activation=activation(
        options.get("activation", "linear")), use_bias=options.get("useBias", True),
        **of_weights(options, "kernel", "bias"))


ATTENTION_NAMES = {"useScale": "use_scale", "scoreMode": "score_mode", "numHeads": "num_heads",
                   "keyDim": "key_dim", "valueDim": "value_dim", "useBias": "use_bias"}


def attention_layer(kind, options):
    given = {ATTENTION_NAMES.get(k, k): v for k, v in others(options).items()}
    if kind == "multiHeadAttention":
        given |= {"activity_regularizer": regularizer(options.get("activityRegularizer")),
                  **of_weights(options, "kernel", "bias")}
    return getattr(keras.layers, kind[0].upper() + kind[1:])(**given)


def attention(node, inputs, masks, own):
    """-> the output and the layer. Masked queries answer zero, as Keras' Attention has it and its
    MultiHeadAttention has not."""
    options, kind = dict(node["options"]), node["kind"]
    causal = options.pop("useCausalMask", False)
    layer = attention_layer(kind, options)
    shapes = [tuple(x.shape) for x in inputs]
    layer.build(*shapes) if kind == "multiHeadAttention" else layer.build(shapes)
    layer.set_weights([w.numpy() for w in own])
    if kind != "multiHeadAttention":
        return layer(inputs, mask=masks[:2], use_causal_mask=causal), layer
    y = layer(*inputs, value_mask=masks[1], use_causal_mask=causal)
    return y if masks[0] is None else torch.where(masks[0][..., None], y, 0.0), layer


def call_recurrent(node, layer, inputs, mask):
    kind, options = cell_of(node)
    states = list(inputs[1:]) or None
    result = as_list(layer(inputs[0], initial_state=states, mask=mask))
    one = node["kind"] in STATES
    count = STATES[kind] * (1 if one else 2)
    outputs, states = result[:-count], result[-count:]
    if one and not options.get("returnSequences") and mask is not None:
        # The final state. It is Keras' last output too, but for an empty row with an initial
        # state, where Keras' loop answers zeros and its state is the initial state.
        valid = mask.any(dim=1)
        assert torch.equal(outputs[0][valid], states[0][valid])
        outputs = [states[0]]
    return outputs + (states if options.get("returnState") else [])


def evaluate(model, weights, inputs, masks, lengths):
    shapes = parameter_shapes(model)
    values, masks, leaves, cells = dict(inputs), dict(masks), {}, {}
    for node in model["layers"]:
        name, kind = node["name"], node["kind"]
        arguments = [values[i] for i in node["inputs"]]
        mask = masks.get(node["inputs"][0])
        own = [weights[n] for n in shapes[name]]
        if kind in ATTENTIONS:
            y, layer = attention(node, arguments, [masks.get(i) for i in node["inputs"]], own)
            leaves |= dict(zip(shapes[name], (v.value for v in layer.weights), strict=True))
            results = [y]
        elif kind in CELLS:
            layer = cells[name] = cells.get(node.get("again")) or build(node)
            if "again" not in node:
                layer.build(tuple(arguments[0].shape))
                layer.set_weights([w.numpy() for w in own])
                leaves |= {n: v.value for n, v in zip(shapes[name], layer.weights, strict=True)}
            output, states = layer(arguments[0], arguments[1:])
            results = [output, *as_list(states)]
        elif kind == "normalization":
            layer = keras.layers.Normalization(mean=own[0].numpy(), variance=own[1].numpy())
            results = [layer(arguments[0])]
        else:
            layer = build(node)
            several = kind in around_keras.OF_SEVERAL
            layer.build([tuple(a.shape) for a in arguments] if several
                        else tuple(arguments[0].shape))
            layer.set_weights([w.numpy() for w in own])
            leaves |= {n: v.value for n, v in zip(shapes[name], layer.weights, strict=True)
                       if trainable(n)}
            if kind in CONVOLUTIONS and mask is not None:
                arguments[0] = torch.where(mask[..., None], arguments[0], 0.0)
            if kind in around_keras.LAYERS:
                results = [around_keras.call(node, layer, arguments, mask)]
            elif kind == "globalAveragePooling1d":
                results = [layer(arguments[0], mask=mask)]
            elif kind in ("dense",) + CONVOLUTIONS + POOLINGS:
                results = [layer(arguments[0])]
            else:
                results = call_recurrent(node, layer, arguments, mask)
        for k, value in enumerate(results):
            values[f"{name}:{k}"] = value
        values[name] = results[0]
        mask = next_mask(node, arguments, mask)
        if results[0].ndim == 3 and mask is not None:
            masks[name] = mask
    names = list(leaves)
    return ([values[o] for o in model["outputs"]], list(leaves.values()),
            lambda gradients: dict(zip(names, gradients)))
