"""updateGate 'replace': h' = (1 - z) h + z n, which no framework has. From the equations alone,
in double with PyTorch 2.13.0's automatic derivatives; seeds 900 and up.

Checked here by an identity: z and 1 - z change places when the signs of W_z, R_z, b_z change
(the sigmoid is symmetric), so Keras with those signs turned must give the same to 1e-12.
"""
import with_keras
from common import bidirectional, cell_of, gru, model, torch, write_case
from keras_masks import MIXED
from with_equations import FRAMEWORK, evaluate


def turn_update_gate(name, tensor):
    if not name.startswith(("gru/", "bidirectional/")):
        return tensor
    units = tensor.shape[-1] // 3
    return torch.cat([-tensor[..., :units], tensor[..., units:]], dim=-1)


def keras_with_turned_signs(description, weights, inputs, masks, lengths):
    turned = {n: turn_update_gate(n, w) for n, w in weights.items()}
    outputs, leaves, convert = with_keras.evaluate(description, turned, inputs, masks, lengths)
    return outputs, leaves, lambda gradients: {
        n: turn_update_gate(n, g) for n, g in convert(gradients).items()}


def case(name, seed, *arguments, **options):
    description = arguments[0]
    symmetric = "recurrentActivation" not in cell_of(description["layers"][0])[1]
    write_case("update-gate", name, FRAMEWORK, seed, evaluate, *arguments, **options,
               check=[keras_with_turned_signs] if symmetric else [])


def variants(prefix, seed, **variant):
    x, h0 = {"x": [None, 4]}, {"x": [None, 4], "h0": [5]}
    both, options = ["gru", "gru:1"], {"updateGate": "replace", **variant}
    case(f"{prefix}-sequences", seed, model(x, [
        gru(units=5, returnSequences=True, **options)]), 3, 6)
    case(f"{prefix}-last", seed + 1, model(x, [gru(units=7, **options)]), 4, 5)
    case(f"{prefix}-initial-state", seed + 2, model(h0, [
        gru(["x", "h0"], units=5, returnSequences=True, returnState=True, **options)], both), 2, 5)
    case(f"{prefix}-no-bias", seed + 3, model(x, [
        gru(units=3, useBias=False, returnSequences=True, **options)]), 2, 4)
    case(f"{prefix}-masked", seed + 4, model(h0, [
        gru(["x", "h0"], units=5, returnSequences=True, returnState=True, **options)], both),
        5, 7, mask={"x": MIXED})
    case(f"{prefix}-bidirectional", seed + 5, model(x, [
        bidirectional(units=4, returnSequences=True, **options)]), 3, 5)
    case(f"{prefix}-relu-gate", seed + 6, model(x, [
        gru(units=4, returnSequences=True, recurrentActivation="relu", **options)]), 3, 4,
        scale=0.7)


def main():
    variants("reset-after", 900)
    variants("reset-before", 920, resetAfter=False)


if __name__ == "__main__":
    main()
