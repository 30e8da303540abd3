// A GRU in plain loops and double, forward and backward: what results are held against. With gates
// z, r, h in this order in the columns:
//   z, r = sigmoid(x W + b0 + h R + b1)    n = tanh(x W + b0 + r (h R + b1))    h' = z h + (1 - z)
//   n
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "data.h"
#include "support/gru_cases.h"

namespace bench {

using Values = std::vector<double>;

struct GruInputs {
  Values x;                // [B,T,I]
  Values kernel;           // [I,3H]
  Values recurrentKernel;  // [H,3H]
  Values bias;             // [2,3H]
  Values initialState;     // [B,H]
  Values outputGradient;   // [B,T,H]
};

struct GruOutputs {
  Values y, dx, dKernel, dRecurrentKernel, dBias, dInitialState;  // shaped as what they belong to
};

// `round` is applied to every number: to what the type that it is stored in can hold.
template <typename Round>
GruInputs makeInputs(const GruSizes& s, Round&& round) {
  const auto make = [&](int64_t count, Seed seed, double scale) {
    const std::vector<float> from = values(count, seed, static_cast<float>(scale));
    Values to(from.size());
    std::transform(from.begin(), from.end(), to.begin(), round);
    return to;
  };
  const int64_t B = s.batch, T = s.steps, I = s.features, H = s.units;
  const double scale = 1 / std::sqrt(static_cast<double>(H));
  return {make(B * T * I, kX, 1),
          make(I * 3 * H, kKernel, scale),
          make(H * 3 * H, kRecurrentKernel, scale),
          make(2 * 3 * H, kBias, scale),
          make(B * H, kInitialState, 1),
          make(B * T * H, kOutputGradient, 1)};
}

namespace reference {

// out[n] += sum over m of a[m] matrix[m][n], and its transpose.
inline void multiply(const double* a, const Values& matrix, size_t m, size_t n, double* out) {
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) out[j] += a[i] * matrix[i * n + j];
}
inline void multiplyTransposed(const double* a, const Values& matrix, size_t m, size_t n,
                               double* out) {
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) out[i] += a[j] * matrix[i * n + j];
}
inline void addOuter(const double* a, const double* b, size_t m, size_t n, Values& out) {
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) out[i * n + j] += a[i] * b[j];
}

}  // namespace reference

inline GruOutputs referenceGru(const GruSizes& s, const GruInputs& in) {
  const size_t B = s.batch, T = s.steps, I = s.features, H = s.units, G = 3 * H;
  GruOutputs out = {Values(B * T * H),        Values(in.x.size()),
                    Values(in.kernel.size()), Values(in.recurrentKernel.size()),
                    Values(in.bias.size()),   Values(in.initialState.size())};
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  for (size_t b = 0; b < B; ++b) {
    const auto stateBefore = [&](size_t t) {
      return t ? &out.y[(b * T + t - 1) * H] : &in.initialState[b * H];
    };
    Values gates(T * G), product(T * H);  // z, r, n of each step, and h R + b1 of n
    for (size_t t = 0; t < T; ++t) {
      Values fromX(in.bias.begin(), in.bias.begin() + static_cast<int64_t>(G));
      Values fromH(in.bias.begin() + static_cast<int64_t>(G), in.bias.end());
      reference::multiply(&in.x[(b * T + t) * I], in.kernel, I, G, fromX.data());
      reference::multiply(stateBefore(t), in.recurrentKernel, H, G, fromH.data());
      for (size_t u = 0; u < H; ++u) {
        const double z = sigmoid(fromX[u] + fromH[u]);
        const double r = sigmoid(fromX[H + u] + fromH[H + u]);
        const double n = std::tanh(fromX[2 * H + u] + r * fromH[2 * H + u]);
        gates[t * G + u] = z, gates[t * G + H + u] = r, gates[t * G + 2 * H + u] = n;
        product[t * H + u] = fromH[2 * H + u];
        out.y[(b * T + t) * H + u] = z * stateBefore(t)[u] + (1 - z) * n;
      }
    }
    Values dh(H);
    for (size_t t = T; t-- > 0;) {
      Values dFromX(G), dFromH(G), dBefore(H);
      for (size_t u = 0; u < H; ++u) {
        const double z = gates[t * G + u], r = gates[t * G + H + u], n = gates[t * G + 2 * H + u];
        const double d = dh[u] + in.outputGradient[(b * T + t) * H + u];
        const double dn = d * (1 - z) * (1 - n * n);
        dFromX[u] = d * (stateBefore(t)[u] - n) * z * (1 - z);
        dFromX[H + u] = dn * product[t * H + u] * r * (1 - r);
        dFromX[2 * H + u] = dn;
        dFromH[u] = dFromX[u], dFromH[H + u] = dFromX[H + u], dFromH[2 * H + u] = dn * r;
        dBefore[u] = d * z;
      }
      reference::multiplyTransposed(dFromX.data(), in.kernel, I, G, &out.dx[(b * T + t) * I]);
      reference::multiplyTransposed(dFromH.data(), in.recurrentKernel, H, G, dBefore.data());
      reference::addOuter(&in.x[(b * T + t) * I], dFromX.data(), I, G, out.dKernel);
      reference::addOuter(stateBefore(t), dFromH.data(), H, G, out.dRecurrentKernel);
      for (size_t g = 0; g < G; ++g) out.dBias[g] += dFromX[g], out.dBias[G + g] += dFromH[g];
      dh = dBefore;
    }
    std::copy(dh.begin(), dh.end(), out.dInitialState.begin() + static_cast<int64_t>(b * H));
  }
  return out;
}

// The largest distance of two tensors over the largest value of the second; infinity where one is
// no number.
inline double distance(const Values& a, const Values& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double error = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return std::numeric_limits<double>::infinity();
    error = std::max(error, std::abs(a[i] - b[i]));
    size = std::max(size, std::abs(b[i]));
  }
  return size > 0 ? error / size : error;
}

inline double distance(const GruOutputs& a, const GruOutputs& b) {
  return std::max({distance(a.y, b.y), distance(a.dx, b.dx), distance(a.dKernel, b.dKernel),
                   distance(a.dRecurrentKernel, b.dRecurrentKernel), distance(a.dBias, b.dBias),
                   distance(a.dInitialState, b.dInitialState)});
}

}  // namespace bench
