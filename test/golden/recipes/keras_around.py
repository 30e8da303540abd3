"""The layers around recurrent ones. Keras 3.15.1 on PyTorch 2.13.0; seeds 1200 and up.

BatchNormalization is Keras' after training: with the moving statistics, which have no gradient.
Masking and embedding compute masks; where a mask is given as well, a step counts where both say so.
Checked against the equations, to 1e-12.
"""
import with_equations
from common import dense, gru, model, write_case
from keras_masks import MIXED
from with_keras import FRAMEWORK, evaluate


def case(name, seed, *arguments, **options):
    write_case("keras-around", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[with_equations.evaluate])


def layer(kind, inputs="x", width=None, **options):
    """width: of the last axis, where it is not that of the first input."""
    node = {"kind": kind, "name": kind, "inputs": inputs if isinstance(inputs, list) else [inputs],
            "options": options}
    return {**node, "width": width} if width else node


def distributed(kind, **options):
    return layer("timeDistributed", layer={"kind": kind, "options": options})


def leave_out(value):
    """Steps that masking finds: at the end, a hole, a whole row; and one that is nearly so."""
    def change(weights, inputs):
        x = inputs["x"]
        x[0, -2:] = value
        x[1, 1] = value
        x[2] = value
        x[3, 2, :-1] = value
    return change


def main():
    x, ids = {"x": [None, 3]}, {"x": ([None], 6)}
    sequences = {"units": 4, "returnSequences": True}
    case("embedding", 1200, model(ids, [
        layer("embedding", inputDim=6, outputDim=3), gru("embedding", **sequences)]), 3, 5)
    case("embedding-mask-zero", 1201, model({"x": ([None], 3)}, [
        layer("embedding", inputDim=3, outputDim=4, maskZero=True),
        gru("embedding", **sequences)]), 4, 6)
    case("masking", 1202, model(x, [layer("masking"), gru("masking", **sequences)]), 4, 5,
         change=leave_out(0))
    case("masking-value", 1203, model(x, [
        layer("masking", maskValue=-1.5), gru("masking", units=4)]), 4, 5, change=leave_out(-1.5))
    case("masking-masked", 1204, model(x, [layer("masking"), gru("masking", **sequences)]),
         len(MIXED), len(MIXED[0]), mask={"x": MIXED}, change=leave_out(0))

    case("flatten", 1210, model({"x": [4, 3]}, [
        layer("flatten", width=12), dense("flatten", units=2)]), 3, 0)
    case("reshape", 1211, model({"x": [4, 3]}, [
        layer("reshape", targetShape=[2, -1], width=6), dense("reshape", units=2)]), 3, 0)
    case("reshape-steps", 1212, model({"x": [None, 6]}, [
        layer("reshape", targetShape=[-1, 2, 3], width=3), dense("reshape", units=2)]), 2, 5)
    case("permute", 1213, model({"x": [4, 3]}, [
        layer("permute", dims=[2, 1], width=4), gru("permute", units=3)]), 2, 0)
    case("permute-three", 1214, model({"x": [4, 3, 2]}, [
        layer("permute", dims=[3, 1, 2], width=3), dense("permute", units=2)]), 2, 0)
    case("repeat-vector", 1215, model({"x": [5]}, [
        layer("repeatVector", n=4), gru("repeatVector", **sequences)]), 3, 0)
    case("time-distributed-dense", 1216, model(x, [
        distributed("dense", units=2, activation="tanh"),
        gru("timeDistributed", units=3)]), len(MIXED), len(MIXED[0]), mask={"x": MIXED})
    case("time-distributed-gru", 1217, model({"x": [None, 4, 3]}, [
        distributed("gru", units=5), gru("timeDistributed", units=3)]), 2, 5)
    case("softmax", 1218, model(x, [layer("softmax")]), 2, 4)
    case("softmax-of-steps", 1219, model(x, [layer("softmax", axis=1)]), len(MIXED), len(MIXED[0]),
         mask={"x": MIXED})
    for k, name in enumerate(["softmax", "gelu", "silu", "selu", "exponential"]):
        case(f"dense-{name}", 1220 + k, model(x, [dense("x", units=4, activation=name)]), 2, 4)

    two = {"x": [None, 3], "y": [None, 3]}
    three = {**two, "z": [None, 3]}
    for k, kind in enumerate(["add", "average", "multiply", "maximum", "minimum"]):
        case(kind, 1230 + k, model(three, [layer(kind, ["x", "y", "z"])]), 2, 3)
    case("subtract", 1235, model(two, [layer("subtract", ["x", "y"])]), 2, 3)
    vectors, matrices = {"x": [4], "y": [4]}, {"x": [3, 4], "y": [5, 4]}
    for k, normalize in enumerate([False, True]):
        label = "dot-normalized" if normalize else "dot"
        case(f"{label}-vectors", 1240 + k, model(vectors, [
            layer("dot", ["x", "y"], axes=1, normalize=normalize)]), 3, 0)
        case(f"{label}-matrices", 1242 + k, model(matrices, [
            layer("dot", ["x", "y"], axes=[2, -1], normalize=normalize)]), 2, 0)
        case(f"{label}-columns", 1244 + k, model({"x": [3, 4], "y": [3, 2]}, [
            layer("dot", ["x", "y"], axes=1, normalize=normalize)]), 2, 0)
        case(f"{label}-vector", 1246 + k, model({"x": [3, 4], "y": [3]}, [
            layer("dot", ["x", "y"], axes=[1, 1], normalize=normalize)]), 2, 0)

    for k, (name, options) in enumerate({"": {}, "-plain": {"center": False, "scale": False},
                                         "-epsilon": {"epsilon": 0.1, "center": False}}.items()):
        for j, kind in enumerate(["layerNormalization", "batchNormalization"]):
            label = ["layer", "batch"][j] + "-normalization" + name
            case(label, 1250 + 2 * k + j, model({"x": [None, 5]}, [layer(kind, **options)]), 2, 4)
    image = {"x": [3, 2, 4]}
    # On PyTorch, Keras' LayerNormalization can do the last axes alone.
    for k, (axis, extents) in enumerate([([1, 2, 3], [3, 2, 4]), ([-1, -2], [2, 4])]):
        case(f"layer-normalization-axis-{k}", 1260 + k, model(image, [
            {**layer("layerNormalization", axis=axis), "along": extents}]), 2, 0)
    for k, (axis, extent) in enumerate([(1, 3), (-2, 2)]):
        case(f"batch-normalization-axis-{k}", 1270 + k, model(image, [
            {**layer("batchNormalization", axis=axis), "along": [extent]}]), 2, 0)


if __name__ == "__main__":
    main()
