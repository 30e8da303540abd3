"""The layers around recurrent ones as those of Keras."""
import keras
from keras import layers

from around_equations import next_mask
from common import torch
from keras_weights import of_weights


def inner(node):
    import with_keras  # which needs this file
    return with_keras.build({**node, "name": "inner", "inputs": []})


def embedding(options):
    return layers.Embedding(options["inputDim"], options["outputDim"],
                            mask_zero=options.get("maskZero", False),
                            **of_weights(options, "embeddings"))


class OneStep(layers.Layer):
    """A recurrent layer without the states that with_keras asks for."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def build(self, shape):
        self.layer.build(shape)

    def call(self, x):
        return self.layer(x)[0]

    def compute_output_shape(self, shape):
        return (shape[0], self.layer.units)


def time_distributed(options):
    node = options["layer"]
    layer = inner(node)
    return layers.TimeDistributed(OneStep(layer) if node["kind"] == "gru" else layer)


LAYERS = {
    "add": lambda o: layers.Add(),
    "average": lambda o: layers.Average(),
    "subtract": lambda o: layers.Subtract(),
    "multiply": lambda o: layers.Multiply(),
    "maximum": lambda o: layers.Maximum(),
    "minimum": lambda o: layers.Minimum(),
    "dot": lambda o: layers.Dot(o["axes"], normalize=o.get("normalize", False)),
    "embedding": embedding,
    "masking": lambda o: layers.Masking(o.get("maskValue", 0.0)),
    "flatten": lambda o: layers.Flatten(),
    "reshape": lambda o: layers.Reshape(o["targetShape"]),
    "permute": lambda o: layers.Permute(o["dims"]),
    "repeatVector": lambda o: layers.RepeatVector(o["n"]),
    "softmax": lambda o: layers.Softmax(o.get("axis", -1)),
    "timeDistributed": time_distributed,
    "layerNormalization": lambda o: layers.LayerNormalization(
        axis=o.get("axis", -1), epsilon=o.get("epsilon", 1e-3), center=o.get("center", True),
        scale=o.get("scale", True),
        **of_weights(o, "gamma", "beta")),
    "batchNormalization": lambda o: layers.BatchNormalization(
        axis=o.get("axis", -1), epsilon=o.get("epsilon", 1e-3), center=o.get("center", True),
        scale=o.get("scale", True)),
}
OF_SEVERAL = {"add", "average", "subtract", "multiply", "maximum", "minimum", "dot"}


def call(node, layer, arguments, mask):
    kind = node["kind"]
    if kind in OF_SEVERAL:
        return layer(arguments)
    if kind == "softmax" and mask is not None and node["options"].get("axis") == 1:
        x = arguments[0]
        return layer(x, mask=mask.reshape(*mask.shape, *[1] * (x.ndim - 2)).expand_as(x))
    if kind in ("embedding", "masking") and mask is None:
        ours, theirs = next_mask(node, arguments, None), layer.compute_mask(arguments[0])
        assert ours is theirs is None or torch.equal(ours, theirs)
    return layer(arguments[0])
