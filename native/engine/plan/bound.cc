#include "engine/plan/bound.h"

#include <algorithm>
#include <map>
#include <utility>

#include "engine/core/buffer.h"
#include "engine/core/memory.h"

namespace sluice {
namespace {

// The same of the sums of a product.
void requireProduct(const PlanOp& op, const TensorView* in) {
  const auto& attributes = *static_cast<const HeadProductAttributes*>(op.attributes.get());
  const auto extent = [&](int input, bool rows) {
    const Shape& shape = in[input].shape;
    if (shape.rank == 4) return shape[rows ? 2 : 3];
    return rows ? shape[1] : shape[2] / attributes.heads;
  };
  const int64_t ofA = extent(headProduct::kA, attributes.transposeA);
  const int64_t ofB = extent(headProduct::kB, !attributes.transposeB);
  if (ofA == ofB) return;
  fail(Code::ShapeMismatch,
       cat(op.layer, ": along the axes that it sums over, one value has ", ofB,
           " positions, another ", ofA),
       {.layer = op.layer, .expected = cat(ofB), .received = cat(ofA)});
}

// Only an extent that was 1 from the start stands for any number.
void requireBroadcast(const Plan& plan, const PlanOp& op, const TensorView* views) {
  const Shape& result = views[op.in.size()].shape;
  for (size_t i = 0; i < elementwise::kMask; ++i) {
    if (op.in[i] == kNoValue) continue;
    const Shape &declared = plan.values[static_cast<size_t>(op.in[i])].shape,
                &shape = views[i].shape;
    for (int axis = 0; axis < result.rank; ++axis)
      if (shape[axis] != result[axis] && declared[axis] != 1)
        fail(Code::ShapeMismatch,
             cat(op.layer, ": operand ", i, " is ", toString(shape), ", the result ",
                 toString(result)),
             {.layer = op.layer, .expected = toString(result), .received = toString(shape)});
  }
}

void requireSlice(const PlanOp& op, const TensorView* views) {
  const auto& attributes = *static_cast<const SliceAttributes*>(op.attributes.get());
  const int64_t extent = views[0].shape[attributes.axis], taken = views[1].shape[attributes.axis];
  const int64_t first = attributes.begin(extent);
  if (first >= 0 && first + (taken - 1) * attributes.step < extent) return;
  fail(Code::ShapeMismatch,
       cat(op.layer, ": a slice of ", taken, " positions from ", attributes.start, " by ",
           attributes.step, " does not lie within ", extent),
       {.layer = op.layer, .option = "axis", .received = cat(extent)});
}

}  // namespace

BoundPlan::BoundPlan(std::shared_ptr<const Plan> plan, Extents extents, const Backend& device,
                     int threads, bool strict, Precision precision)
    : plan_(std::move(plan)),
      extents_(std::move(extents)),
      device_(device),
      threads_(threads),
      strict_(strict),
      precision_(precision) {
  if (const char* why = device_.whyNot(precision))
    fail(Code::Unsupported,
         cat("precision '", precisionName(precision), "' on device '", device_.name(), "': ", why),
         {.option = "precision", .received = precisionName(precision)});
  bindShapes();
  chooseBackends();
  chooseKernels();
  pairUp();
  placeSums();
  placeInArena();
}

void BoundPlan::bindShapes() {
  const DType real = plan_->request.real;
  Extents resolved = extents_;
  const auto graphSymbols = static_cast<int64_t>(extents_.symbols.size());
  for (const auto& [a, b] : plan_->products)
    resolved.symbols.push_back(
        requireElements(makeShape(resolved(a), resolved(b)), "two axes taken as one"));
  for (const PlanValue& value : plan_->values) {
    TensorView view;
    view.dtype = value.dtype == DType::Float32 ? real : value.dtype;
    view.shape = value.shape;
    for (int i = 0; i < view.shape.rank; ++i) view.shape[i] = resolved(view.shape[i]);
    values_.push_back(view);
  }
  for (const PlanOp& op : plan_->ops) {
    BoundOp bound;
    bound.firstView = views_.size();
    for (const auto* ids : {&op.in, &op.out})
      for (const ValueId id : *ids) {
        if (id != kNoValue) requireElements(values_[static_cast<size_t>(id)].shape, op.layer);
        views_.push_back(id == kNoValue ? TensorView{} : values_[static_cast<size_t>(id)]);
        viewValues_.push_back(id);
      }
    // Random numbers go by row: of a batch whose steps are taken as rows, more than the batch has.
    for (const auto* ids : {&op.in, &op.out})
      for (const ValueId id : *ids) {
        if (id == kNoValue || extents_.batch == 0) continue;
        const Shape& shape = plan_->values[static_cast<size_t>(id)].shape;
        if (shape.rank > 0 && symbolNumber(shape[0]) >= graphSymbols)
          bound.rowFactor = resolved(shape[0]) / extents_.batch;
      }
    // Two unknown extents may have been taken for one; here they are numbers.
    if (op.op == Op::Concat || op.op == Op::MaskAnd || op.op == Op::Merge) {
      const Shape& out = views_[bound.firstView + op.in.size()].shape;
      const int axis = op.op == Op::Concat
                           ? static_cast<const ConcatAttributes*>(op.attributes.get())->axis
                           : -1;
      for (size_t i = 0; i < op.in.size(); ++i) {
        Shape in = views_[bound.firstView + i].shape;
        if (axis >= 0) in[axis] = out[axis];
        if (!(in == out))
          fail(Code::ShapeMismatch,
               cat(op.layer, ": input ", i, " is ", toString(views_[bound.firstView + i].shape),
                   ", the other inputs need ", toString(out)),
               {.layer = op.layer,
                .expected = toString(out),
                .received = toString(views_[bound.firstView + i].shape)});
      }
    }
    if (op.op == Op::HeadProduct) requireProduct(op, &views_[bound.firstView]);
    if (op.op == Op::Elementwise) requireBroadcast(*plan_, op, &views_[bound.firstView]);
    if (op.op == Op::Slice) requireSlice(op, &views_[bound.firstView]);
    ops_.push_back(bound);
  }
}

OpCall BoundPlan::call(size_t index, const RunContext& context) const {
  const PlanOp& op = plan_->ops[index];
  OpCall call;
  call.op = op.op;
  call.attributes = op.attributes.get();
  call.in = &views_[ops_[index].firstView];
  call.inCount = static_cast<int32_t>(op.in.size());
  call.out = call.in + op.in.size();
  call.outCount = static_cast<int32_t>(op.out.size());
  call.context = &context;
  return call;
}

void BoundPlan::chooseKernels() {
  RunContext context;
  context.threads = threads_;
  context.precision = precision_;
  for (size_t i = 0; i < ops_.size(); ++i) {
    const PlanOp& op = plan_->ops[i];
    BoundOp& bound = ops_[i];
    const OpCall query = call(i, context);
    if (bound.kernel->scratchBytes) bound.scratchBytes = bound.kernel->scratchBytes(query);
    bound.packed = {.what = op.layer, .kernel = bound.kernel};
    if (bound.kernel->packedForm) bound.packed.form = bound.kernel->packedForm(query);
    if (bound.kernel->packedBytes) bound.packed.bytes = bound.kernel->packedBytes(query);
    for (const ValueId id : op.in)
      if (id != kNoValue && plan_->values[static_cast<size_t>(id)].storage == Storage::Parameter)
        bound.packed.parameters.push_back(plan_->values[static_cast<size_t>(id)].index);
    for (const ValueId id : op.in)
      if (id != kNoValue && plan_->values[static_cast<size_t>(id)].weights &&
          bound.packed.bytes > 0)
        bound.ownPackedBytes = std::exchange(bound.packed.bytes, 0);
    for (size_t k = 0; k < op.out.size(); ++k) {
      const ValueId id = op.out[k];
      if (id == kNoValue || !plan_->values[static_cast<size_t>(id)].opaque) continue;
      const size_t bytes = bound.kernel->reserveBytes ? bound.kernel->reserveBytes(query) : 0;
      values_[static_cast<size_t>(id)].shape = makeShape(bytes);
      for (size_t v = 0; v < views_.size(); ++v)
        if (viewValues_[v] == id) views_[v].shape = makeShape(bytes);
    }
  }
}

// Neighbours of one kernel that can run at once: the two directions of a bidirectional layer, or a
// layer and the next one, which follows a few steps behind.
void BoundPlan::pairUp() {
  if (threads_ <= 1 && device_.device() == nullptr) return;
  const auto isSame = [&](ValueId a, ValueId b) {
    return a != kNoValue && b != kNoValue && plan_->root(a) == plan_->root(b);
  };
  const auto canPair = [&](size_t i) {
    const Kernel* kernel = ops_[i].kernel;
    if (ops_[i].backend != &device_ || kernel != ops_[i + 1].kernel || !kernel->launchPair)
      return false;
    std::vector<ValueId> used = plan_->ops[i + 1].in;
    if (kernel->pairInput >= 0) {
      ValueId& followed = used[static_cast<size_t>(kernel->pairInput)];
      if (followed == plan_->ops[i].out[static_cast<size_t>(kernel->pairOutput)])
        followed = kNoValue;
    }
    used.insert(used.end(), plan_->ops[i + 1].out.begin(), plan_->ops[i + 1].out.end());
    return std::none_of(plan_->ops[i].out.begin(), plan_->ops[i].out.end(), [&](ValueId id) {
      return std::any_of(used.begin(), used.end(),
                         [&](ValueId other) { return isSame(id, other); });
    });
  };
  for (size_t i = 0; i + 1 < ops_.size(); ++i) {
    if (!canPair(i)) continue;
    ops_[i].paired = true;
    ++i;
  }
}

void BoundPlan::placeSums() {
  offsets_.assign(values_.size(), 0);
  const auto place = [&](const std::vector<ValueId>& ids) {
    for (const ValueId id : ids) {
      offsets_[static_cast<size_t>(id)] = sumBytes_;
      sumBytes_ += values_[static_cast<size_t>(id)].bytes();
      isSum_[static_cast<size_t>(id)] = true;
    }
  };
  isSum_.assign(values_.size(), false);
  place(plan_->lossSums);
  place(plan_->penaltySums);
  lossBytes_ = sumBytes_;
  for (const auto& sums : plan_->metricSums) place(sums);
  arenaBytes_ = sumBytes_;
}

// Greedy by size: the largest block first, each at the lowest place where no block that lives at
// the same time lies.
void BoundPlan::placeInArena() {
  struct Block {
    size_t bytes, first, last, *offset;
  };
  const size_t end = ops_.size();
  // The first and the last op that run while op i does.
  const auto begins = [&](size_t i) { return i > 0 && ops_[i - 1].paired ? i - 1 : i; };
  const auto ends = [&](size_t i) { return ops_[i].paired ? i + 1 : i; };
  std::vector<size_t> first(values_.size(), end), last(values_.size(), 0);
  for (size_t i = 0; i < ops_.size(); ++i)
    for (const auto* ids : {&plan_->ops[i].in, &plan_->ops[i].out})
      for (const ValueId id : *ids) {
        if (id == kNoValue) continue;
        const auto root = static_cast<size_t>(plan_->root(id));
        first[root] = std::min(first[root], begins(i));
        last[root] = ends(i);
      }
  const auto keep = [&](ValueId id) {
    if (id != kNoValue) last[static_cast<size_t>(plan_->root(id))] = end;
  };
  for (const auto* ids : {&plan_->outputs, &plan_->outputMasks, &plan_->inputGradients,
                          &plan_->statesOut, &plan_->nextParameters})
    for (const ValueId id : *ids) keep(id);
  std::vector<Block> blocks;
  for (size_t v = 0; v < values_.size(); ++v)
    if (plan_->values[v].storage == Storage::Arena && !isSum_[v] && values_[v].bytes() > 0 &&
        first[v] < end)
      blocks.push_back({alignUp(values_[v].bytes()), first[v], last[v], &offsets_[v]});
  for (size_t i = 0; i < ops_.size(); ++i)
    if (ops_[i].scratchBytes > 0)
      blocks.push_back({alignUp(ops_[i].scratchBytes), begins(i), ends(i), &ops_[i].scratchOffset});
  for (size_t i = 0; i < ops_.size(); ++i)
    if (ops_[i].ownPackedBytes > 0)
      blocks.push_back(
          {alignUp(ops_[i].ownPackedBytes), begins(i), ends(i), &ops_[i].ownPackedOffset});
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const Block& a, const Block& b) { return a.bytes > b.bytes; });
  std::vector<const Block*> placed;  // by offset
  for (const Block& block : blocks) {
    size_t offset = alignUp(sumBytes_);
    for (const Block* other : placed) {
      if (other->first > block.last || block.first > other->last) continue;
      if (offset + block.bytes <= *other->offset) break;
      offset = std::max(offset, *other->offset + other->bytes);
    }
    *block.offset = offset;
    arenaBytes_ = std::max(arenaBytes_, offset + block.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), &block,
                         [](const Block* a, const Block* b) { return *a->offset < *b->offset; }),
        &block);
  }
  for (size_t v = 0; v < values_.size(); ++v)
    offsets_[v] = offsets_[static_cast<size_t>(plan_->root(static_cast<ValueId>(v)))];
}

KernelChoice BoundPlan::choice(size_t op) const {
  const Kernel& kernel = *ops_[op].kernel;
  RunContext context;
  context.threads = threads_;
  context.precision = precision_;
  KernelChoice choice;
  if (kernel.describe != nullptr) choice = kernel.describe(call(op, context));
  if (ops_[op].backend->device() != nullptr) choice.threads = 0;
  return choice;
}

// Its arguments, each once; parameters in the form that the kernel reads.
size_t BoundPlan::bytes(size_t op) const {
  const BoundOp& bound = ops_[op];
  const PlanOp& planned = plan_->ops[op];
  size_t bytes = bound.packed.bytes;
  for (size_t v = 0; v < planned.in.size() + planned.out.size(); ++v) {
    const ValueId id = viewValues_[bound.firstView + v];
    if (id == kNoValue) continue;
    const bool isParameter = plan_->values[static_cast<size_t>(id)].storage == Storage::Parameter;
    if (!isParameter || bound.packed.bytes == 0) bytes += views_[bound.firstView + v].bytes();
  }
  return bytes;
}

size_t BoundPlan::packedBytes() const {
  size_t bytes = 0;
  for (auto op = ops_.begin(); op != ops_.end(); ++op) {
    const auto isSame = [&](const BoundOp& other) { return other.packed == op->packed; };
    if (std::none_of(ops_.begin(), op, isSame)) bytes += op->packed.bytes;
  }
  return bytes;
}

}  // namespace sluice
