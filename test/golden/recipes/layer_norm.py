"""layerNorm and clip inside the cells, which neither Keras nor PyTorch has: from the equations alone, in
double with PyTorch 2.13.0's automatic derivatives; seeds 1300 and up.

The norms are checked against torch.nn.functional.layer_norm; clip was checked by hand against ONNX
Runtime 1.30 (GRU with linear_before_reset, LSTM, RNN), which clips the sums of the gates and not c.
"""
import with_equations
from common import bidirectional, cell_of, model, recurrent, torch, write_case
from keras_masks import MIXED
from with_equations import FRAMEWORK, evaluate


def by_torch(*arguments):
    own, with_equations.layer_norm = with_equations.layer_norm, lambda x, epsilon: \
        torch.nn.functional.layer_norm(x, x.shape[-1:], eps=epsilon)
    try:
        return evaluate(*arguments)
    finally:
        with_equations.layer_norm = own


def case(name, seed, *arguments, **options):
    normalizes = cell_of(arguments[0]["layers"][0])[1].get("layerNorm")
    write_case("layer-norm", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[by_torch] if normalizes else [])


def variants(kind, label, seed):
    x, count = {"x": [None, 4]}, 2 if kind == "lstm" else 1
    starts = [f"s{k}" for k in range(count)]
    initial = {**x, **{s: [6] for s in starts}}
    every = [kind] + [f"{kind}:{k + 1}" for k in range(count)]
    all_states = {"returnSequences": True, "returnState": True}
    # Before the first step h R has no variance: epsilon alone bounds the slopes.
    norm = {"units": 6, "layerNorm": True, "layerNormEpsilon": 0.01}

    def layer(inputs="x", **options):
        return recurrent(kind, inputs, **{**norm, **options})

    case(f"{label}-sequences", seed, model(x, [layer(returnSequences=True)]), 3, 6)
    case(f"{label}-default-epsilon", seed + 1, model(initial, [
        recurrent(kind, ["x", *starts], units=6, layerNorm=True)]), 3, 3)
    case(f"{label}-no-bias", seed + 2, model(x, [
        layer(useBias=False, returnSequences=True)]), 2, 5)
    case(f"{label}-masked", seed + 3, model(initial, [
        layer(["x", *starts], **all_states)], every), 5, 7, mask={"x": MIXED})
    case(f"{label}-activations", seed + 4, model(x, [
        layer(activation="softsign", returnSequences=True)]), 3, 5)
    case(f"{label}-bidirectional", seed + 5, model(x, [
        bidirectional(kind=kind, returnSequences=True, **norm)]), 3, 5)
    case(f"{label}-clip", seed + 6, model(x, [
        recurrent(kind, units=5, clip=0.5, returnSequences=True)]), 3, 6)
    case(f"{label}-norm-and-clip", seed + 7, model(x, [
        layer(clip=0.8, returnSequences=True)]), 3, 6)


def main():
    variants("gru", "gru", 1300)
    variants("lstm", "lstm", 1310)
    variants("simpleRnn", "simple-rnn", 1320)
    x = {"x": [None, 4]}
    case("gru-reset-before-clip", 1330, model(x, [
        recurrent("gru", units=5, clip=0.4, resetAfter=False, returnSequences=True)]), 3, 6)
    case("gru-replace", 1331, model(x, [
        recurrent("gru", units=6, layerNorm=True, layerNormEpsilon=0.01, updateGate="replace",
                  returnSequences=True)]), 3, 6)


if __name__ == "__main__":
    main()
