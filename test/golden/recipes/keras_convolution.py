"""Convolution and pooling. Keras 3.15.1 on PyTorch 2.13.0; seeds 900 and up.

Keras' convolutions know no masks: their input is zeroed at masked steps here, as ours is. Its mean
over windows repeats the edge where padding is uneven on this backend; such cases are left out.
Checked against the equations, to 1e-12.
"""
import with_equations
from common import model, node, write_case
from keras_masks import MIXED
from with_keras import FRAMEWORK, evaluate

SERIES, IMAGE = {"x": [None, 3]}, {"x": [5, 6, 2]}


def case(name, seed, inputs, *layers, **options):
    write_case("keras-convolution", name, FRAMEWORK, seed, evaluate, model(inputs, list(layers)),
               check=[with_equations.evaluate], **options)


def main():
    case("conv1d-valid", 900, SERIES, node("conv1d", filters=4, kernelSize=3), steps=7)
    case("conv1d-same", 901, SERIES, node("conv1d", filters=4, kernelSize=4, padding="same",
                                          activation="softplus"), steps=7)
    case("conv1d-causal-dilation", 902, SERIES,
         node("conv1d", filters=4, kernelSize=3, padding="causal", dilationRate=2), steps=7)
    case("conv1d-strides", 903, SERIES,
         node("conv1d", filters=4, kernelSize=3, strides=2, padding="same", useBias=False), steps=8)
    case("conv1d-masked", 904, SERIES,
         node("conv1d", filters=4, kernelSize=3, padding="causal"),
         node("conv1d", "conv1d", "conv1d_1", filters=3, kernelSize=3, padding="same"),
         batch=5, steps=7, mask={"x": MIXED})
    case("conv2d-same", 905, IMAGE, node("conv2d", filters=3, kernelSize=3, padding="same"))
    case("conv2d-strides", 906, IMAGE,
         node("conv2d", filters=3, kernelSize=[3, 2], strides=[2, 3], padding="same"))
    case("conv2d-dilation", 907, IMAGE,
         node("conv2d", filters=3, kernelSize=[2, 3], dilationRate=[3, 2], activation="tanh"))
    case("depthwise-conv1d", 908, SERIES,
         node("depthwiseConv1d", kernelSize=3, depthMultiplier=2, padding="same"), steps=6)
    case("depthwise-conv2d", 909, IMAGE,
         node("depthwiseConv2d", kernelSize=[3, 2], strides=2, depthMultiplier=3))
    case("max-pooling", 910, {"x": [7, 6, 2]},
         node("maxPooling2d", poolSize=[3, 2], strides=2, padding="same"),
         node("globalMaxPooling2d", "maxPooling2d"))
    case("average-pooling", 911, {"x": [7, 6, 2]},
         node("averagePooling2d", poolSize=[3, 2], padding="valid"),
         node("globalAveragePooling2d", "averagePooling2d", keepdims=True))
    case("max-pooling-1d", 912, SERIES, node("maxPooling1d", poolSize=3, strides=2),
         node("globalMaxPooling1d", "maxPooling1d"), steps=9)
    case("average-pooling-1d", 913, SERIES,
         node("averagePooling1d", poolSize=3, strides=1, padding="same"), steps=6)
    case("global-average-pooling-masked", 914, SERIES, node("globalAveragePooling1d"),
         batch=4, steps=7, mask={"x": [row for row in MIXED if any(row)]})


if __name__ == "__main__":
    main()
