"""Attention. Keras 3.15.1 on PyTorch 2.13.0; seeds 930 and up.

Every query sees something: where it does not, ours answers zero and Keras a mean of what is hidden.
Checked against the equations, to 1e-12.
"""
import with_equations
from common import dense, model, node, write_case
from with_keras import FRAMEWORK, evaluate

TWO = {"query": [None, 4], "value": [None, 4]}
THREE = {"query": [None, 4], "value": [None, 3], "key": [None, 4]}
STEPS = {"query": 5, "value": 6, "key": 6}
HOLES = [[1, 0, 1, 1, 0, 1], [0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
QUERIES = [[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]


def case(name, seed, inputs, kind, mask=None, **options):
    layer = node(kind, list(inputs), **options)
    write_case("keras-attention", name, FRAMEWORK, seed, evaluate, model(inputs, [layer]), 3,
               STEPS, mask=mask, check=[with_equations.evaluate])


def main():
    case("dot", 930, TWO, "attention")
    case("dot-scale-key", 931, THREE, "attention", useScale=True)
    case("dot-masked", 932, TWO, "attention", {"query": QUERIES, "value": HOLES})
    case("dot-causal", 933, TWO, "attention", useCausalMask=True)
    case("concat", 934, TWO, "attention", scoreMode="concat", useScale=True)
    case("concat-masked", 935, THREE, "attention", {"value": HOLES}, scoreMode="concat")
    case("additive", 936, TWO, "additiveAttention")
    case("additive-masked", 937, TWO, "additiveAttention", {"query": QUERIES, "value": HOLES},
         useScale=False)
    case("heads", 938, TWO, "multiHeadAttention", numHeads=2, keyDim=3)
    case("heads-key-no-bias", 939, THREE, "multiHeadAttention", numHeads=3, keyDim=2, valueDim=4,
         useBias=False)
    case("heads-masked", 940, TWO, "multiHeadAttention", {"query": QUERIES, "value": HOLES},
         numHeads=2, keyDim=3, valueDim=2)
    itself = [dense("x", units=4), node("multiHeadAttention", ["dense", "dense"], numHeads=2,
                                        keyDim=2, useCausalMask=True)]
    write_case("keras-attention", "heads-itself-causal", FRAMEWORK, 941, evaluate,
               model({"x": [None, 3]}, itself), 3, 5, check=[with_equations.evaluate])


if __name__ == "__main__":
    main()
