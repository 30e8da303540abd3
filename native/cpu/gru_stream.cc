#include "cpu/gru_stream.h"

#include "cpu/arguments.h"
#include "cpu/gemm.h"
#include "cpu/parallel.h"

namespace sluice::cpu {
namespace {

bool isHalf(WeightsType weights) {
  return weights == WeightsType::Float16 || weights == WeightsType::BFloat16;
}

// Offsets in bytes. What a call does not need has no size.
struct Scratch {
  int64_t h = 0, next = 0;         // float [B,P], where P is not H
  int64_t decoded = 0;             // float [I + H][3][lanes]: one block's weights of 16 bits
  int64_t wordsX = 0, wordsH = 0;  // int16 [B, wordsOf(I)], [B, wordsOf(H)]
  int64_t scales = 0;              // float [B][2]: of a row of x and of h
  int64_t size = 0;

  Scratch(const RecurrentExtents& e, WeightsType weights) {
    const auto floats = static_cast<int64_t>(sizeof(float));
    const auto take = [this](bool needed, int64_t bytes) {
      const int64_t offset = size;
      if (needed) size += roundUp(bytes, 64);
      return offset;
    };
    const bool int8 = weights == WeightsType::Int8;
    h = take(e.P != e.H, e.B * e.P * floats);
    next = take(e.P != e.H, e.B * e.P * floats);
    decoded = take(isHalf(weights) && e.B > 1, (e.I + e.H) * kPanelVectors * e.lanes * floats);
    wordsX = take(int8, e.B * wordsOf(e.I) * 2);
    wordsH = take(int8, e.B * wordsOf(e.H) * 2);
    scales = take(int8, e.B * 2 * floats);
  }
  static int64_t wordsOf(int64_t k) { return roundUp(k, 2 * kMaxLanes); }
};

class Step {
 public:
  explicit Step(const OpCall& call)
      : e_(recurrentExtents(call)),
        weights_(call.attr<RecurrentAttributes>().weights),
        replace_(call.attr<RecurrentAttributes>().replace != 0),
        at_(e_, weights_),
        panel_(kPanelVectors * e_.lanes),
        packed_(static_cast<const std::byte*>(call.packed)),
        scratch_(static_cast<std::byte*>(call.scratch)),
        x_(input(call, recurrent::kX)),
        h_(input(call, recurrent::kInitialState)),
        next_(output(call, recurrent::kFinalState)),
        final_(next_),
        y_(output(call, recurrent::kSequence)) {
    if (weights_ == WeightsType::Float32) {
      const RecurrentPacked floats(e_);
      const auto bytes = [](int64_t n) { return n * static_cast<int64_t>(sizeof(float)); };
      bias_ = at<float>(bytes(floats.bias));
      candidateBias_ = at<float>(bytes(floats.candidateBias));
      kernel_ = at<float>(bytes(floats.kernel));
      recurrent_ = at<float>(bytes(floats.recurrent));
    } else {
      const GruReduced reduced(e_, weights_);
      bias_ = at<float>(reduced.bias);
      candidateBias_ = at<float>(reduced.candidateBias);
      scalesOfKernel_ = at<float>(reduced.scales);
      kernel_ = at<std::byte>(reduced.kernel);
      recurrent_ = at<std::byte>(reduced.recurrent);
    }
  }

  void run() {
    pad();
    if (weights_ == WeightsType::Int8) quantise();
    if (e_.B == 1 || weights_ == WeightsType::Int8)
      rowByRow();
    else
      inTiles();
    if (e_.P != e_.H)
      for (int64_t row = 0; row < e_.B; ++row)
        std::copy_n(next_ + row * e_.P, e_.H, final_ + row * e_.H);
  }

 private:
  template <typename T>
  const T* at(int64_t offset) const {
    return reinterpret_cast<const T*>(packed_ + offset);
  }
  template <typename T>
  T* room(int64_t offset) const {
    return reinterpret_cast<T*>(scratch_ + offset);
  }

  // States in whole vectors, as the gates take them.
  void pad() {
    if (e_.P == e_.H) return;
    float* h = room<float>(at_.h);
    for (int64_t row = 0; row < e_.B; ++row) {
      std::copy_n(h_ + row * e_.H, e_.H, h + row * e_.P);
      std::fill_n(h + row * e_.P + e_.H, e_.P - e_.H, 0.0f);
    }
    h_ = h;
    next_ = room<float>(at_.next);
  }

  void quantise() const {
    const auto quantise = gruInt8Kernels().quantise;
    for (int64_t row = 0; row < e_.B; ++row) {
      float* scales = room<float>(at_.scales) + 2 * row;
      scales[0] =
          quantise(x_ + row * e_.I, e_.I, room<int16_t>(at_.wordsX) + row * Scratch::wordsOf(e_.I));
      scales[1] =
          quantise(h_ + row * e_.P, e_.H, room<int16_t>(at_.wordsH) + row * Scratch::wordsOf(e_.H));
    }
  }

  // A row alone is bound by reading the weights: several panels at a time. With several rows one
  // block's int8 weights stay in the first-level cache meanwhile.
  void rowByRow() const {
    const int64_t whole = e_.H / e_.lanes;
    const int64_t most = e_.B == 1 ? kMaxTilePanels : 1;
    for (int64_t block = 0; block < e_.blocks;) {
      const int64_t count = block < whole ? std::min(most, whole - block) : 1;
      for (int64_t row = 0; row < e_.B; ++row) {
        alignas(64) float sums[kMaxTilePanels * kMaxPanel];      // z, r, x W + b of the candidate
        alignas(64) float products[kMaxTilePanels * kMaxPanel];  // z, r, h R + c of the candidate
        const float* bias = bias_ + block * panel_;
        multiplyRow(false, row, block, count, bias, bias + 2 * e_.lanes, panel_, sums);
        multiplyRow(true, row, block, count, sums, candidateBias_ + block * e_.lanes, e_.lanes,
                    products);
        gates(row, block, count, false, sums, products);
      }
      block += count;
    }
  }

  void multiplyRow(bool recurrent, int64_t row, int64_t block, int64_t count, const float* init,
                   const float* init2, int64_t ldInit2, float* out) const {
    const int64_t k = recurrent ? e_.H : e_.I;
    const float* a = recurrent ? h_ + row * e_.P : x_ + row * e_.I;
    const void* matrix = recurrent ? recurrent_ : kernel_;
    if (weights_ == WeightsType::Float32) {
      const float* b = static_cast<const float*>(matrix) + block * panel_ * k;
      tileKernels().panels[count - 1](
          {a, 0, 1, b, panel_ * k, panel_, k, init, panel_, init2, ldInit2, out, panel_});
      return;
    }
    const bool int8 = weights_ == WeightsType::Int8;
    ReducedArgs args{};
    args.a = a;
    args.ldb = panel_ * (int8 ? roundUp(k, 2) : k);
    args.b = static_cast<const std::byte*>(matrix) + block * args.ldb * (int8 ? 1 : 2);
    args.k = k;
    args.init = init;
    args.ldInit = panel_;
    args.init2 = init2;
    args.ldInit2 = ldInit2;
    args.out = out;
    if (!int8) {
      gruHalfKernels(weights_).panels[count - 1](args);
      return;
    }
    args.a = recurrent ? room<int16_t>(at_.wordsH) + row * Scratch::wordsOf(k)
                       : room<int16_t>(at_.wordsX) + row * Scratch::wordsOf(k);
    args.scales = scalesOfKernel_ + (recurrent ? 3 * e_.P : 0) + block * panel_;
    args.scale = room<float>(at_.scales)[2 * row + (recurrent ? 1 : 0)];
    gruInt8Kernels().panels[count - 1](args);
  }

  // A block's weights stay in the cache while the tiles of rows pass.
  void inTiles() const {
    const TileKernels& kernels = tileKernels();
    const RowTiles tiles(e_.B, kernels.maxRows);
    for (int64_t block = 0; block < e_.blocks; ++block) {
      const float* b[2];
      for (const bool recurrent : {false, true}) b[recurrent] = blockAsFloats(recurrent, block);
      for (int64_t tile = 0; tile < tiles.count(); ++tile) {
        const int64_t row = tiles.begin(tile);
        const int64_t count = tiles.height(tile);
        alignas(64) float sums[kMaxTileRows * kMaxPanel];
        alignas(64) float products[kMaxTileRows * kMaxPanel];
        const TileKernel kernel = kernels.rows[kPanelVectors - 1][count - 1];
        const float* bias = bias_ + block * panel_;
        kernel({x_ + row * e_.I, e_.I, 1, b[0], 0, panel_, e_.I, bias, 0, bias + 2 * e_.lanes, 0,
                sums, panel_});
        kernel({h_ + row * e_.P, e_.P, 1, b[1], 0, panel_, e_.H, sums, panel_,
                candidateBias_ + block * e_.lanes, 0, products, panel_});
        gates(row, block, count, true, sums, products);
      }
    }
  }

  const float* blockAsFloats(bool recurrent, int64_t block) const {
    const int64_t size = panel_ * (recurrent ? e_.H : e_.I);
    const void* matrix = recurrent ? recurrent_ : kernel_;
    if (weights_ == WeightsType::Float32) return static_cast<const float*>(matrix) + block * size;
    float* floats = room<float>(at_.decoded) + (recurrent ? panel_ * e_.I : 0);
    gruHalfKernels(weights_).decode(static_cast<const uint16_t*>(matrix) + block * size, size,
                                    floats);
    return floats;
  }

  // Groups are rows (acrossRows), or neighbouring blocks of one row.
  void gates(int64_t row, int64_t block, int64_t groups, bool acrossRows, const float* sums,
             const float* products) const {
    const int64_t unit = block * e_.lanes;
    FusedGatesArgs fused{};
    fused.groups = groups;
    fused.products = products;
    fused.ldProducts = panel_;
    fused.x = sums + 2 * e_.lanes;
    fused.ldX = panel_;
    fused.h = h_ + row * e_.P + unit;
    fused.next = next_ + row * e_.P + unit;
    fused.ldH = acrossRows ? e_.P : e_.lanes;
    if (y_) fused.y = y_ + row * e_.H + unit;
    fused.ldY = acrossRows ? e_.H : e_.lanes;
    fused.columns = std::min(e_.lanes, e_.H - unit);
    fused.replace = replace_;
    gruCell().fused(fused);
  }

  const RecurrentExtents e_;
  const WeightsType weights_;
  const bool replace_;
  const Scratch at_;
  const int64_t panel_;
  const std::byte* packed_;
  std::byte* scratch_;
  const float* x_;
  const float* h_;  // [B,P]
  float* next_;     // [B,P]
  float* final_;
  float* y_;
  const float* bias_ = nullptr;
  const float* candidateBias_ = nullptr;
  const float* scalesOfKernel_ = nullptr;
  const void* kernel_ = nullptr;
  const void* recurrent_ = nullptr;
};

bool isOneStep(const OpCall& call) {
  return call.in[recurrent::kX].shape[1] == 1 && !call.in[recurrent::kMask].present() &&
         call.in[recurrent::kInitialState].present() && !call.out[recurrent::kReserve].present();
}

}  // namespace

const char* gruWhyNotReduced(const OpCall& call) noexcept {
  return gruIsReduced(call.attr<RecurrentAttributes>()) && !isOneStep(call)
             ? "weights in less precision than float32 are for the steps of streams"
             : nullptr;
}

bool gruStreams(const OpCall& call) noexcept {
  const auto& attributes = call.attr<RecurrentAttributes>();
  if (call.op != Op::Gru || !gruCell().isFused(attributes) || attributes.zoneout > 0) return false;
  if (!isOneStep(call)) return false;
  // Many rows of float32 may be worth several threads, which are not for streams.
  return gruIsReduced(attributes) || !call.context || call.context->threads <= 1;
}

size_t gruStreamScratchBytes(const OpCall& call) noexcept {
  return static_cast<size_t>(
      Scratch(recurrentExtents(call), call.attr<RecurrentAttributes>().weights).size);
}

int32_t gruStreamLaunch(const OpCall& call) noexcept {
  const FloatingPointMode mode;
  Step(call).run();
  return 0;
}

}  // namespace sluice::cpu
