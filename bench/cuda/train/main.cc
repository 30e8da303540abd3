// Training steps as `fit` makes them, through the engine's models: the same model, cases and kinds
// of numbers as bench/cuda/pytorch.py.
#include <algorithm>
#include <cmath>
#include <future>
#include <thread>

#include "engine/model/run_inputs.h"
#include "model.h"
#include "reference/reference.h"
#include "support/backend.h"
#include "support/report.h"
#include "support/spread.h"

namespace {

using namespace bench;
using namespace train;
using sluice::RunKind;
using sluice::RunOptions;
using sluice::RunResult;

struct Case {
  const char* name;
  GruSizes sizes;
};
constexpr Case kCases[] = {{"reference model", {32, 100, 10, 64}},
                           {"H=1024", {64, 100, 512, 1024}}};
constexpr Numbers kNumbers[] = {Numbers::Float32, Numbers::TensorFloat32, Numbers::BFloat16,
                                Numbers::Float16};
// How far the first loss may be from the one in double, by kNumbers.
constexpr double kLossTolerances[] = {1e-5, 5e-3, 5e-2, 1e-2};
constexpr int kWarmups = 10, kRepeats = 50;
constexpr double kWarmupSeconds = 0.05;  // a GPU that had nothing to do raises its clock slowly

// The mean over all rows, in double on the reference device, which has plain loops: row by row, on
// all threads. NaN where the time is up before.
double referenceLoss(const GruSizes& s, const Report& report) {
  const std::shared_ptr<Model> model = makeModel(s);
  RunOptions options;
  options.device = "reference";
  const int threads = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, s.batch);
  std::vector<std::future<double>> parts;
  for (int first = 0; first < threads; ++first)
    parts.push_back(std::async(std::launch::async, [&, first] {
      double sum = 0;
      for (int row = first; row < s.batch; row += threads) {
        if (!report.hasTime()) return double{NAN};
        sum += model->run(RunKind::Evaluate, *makeBatch(*model, s, row, 1), options).sums[0];
      }
      return sum;
    }));
  double sum = 0;
  for (std::future<double>& part : parts) sum += part.get();
  return sum / s.batch;
}

class Training {
 public:
  Training(const GruSizes& sizes, Numbers numbers) : model_(makeModel(sizes)) {
    options_.device = "cuda";
    options_.precision = precisionOf(numbers);
    options_.requireFinite = true;  // as fit
  }

  Model& model() { return *model_; }
  double firstLoss() const { return losses_.front(); }
  bool isLearning() const { return losses_.back() < losses_.front(); }

  // Microseconds of a step, which ends when its loss has come back.
  Spread measure(Batch& batch) {
    const auto step = [&] {
      const Clock clock;
      const RunResult result = model_->run(RunKind::Train, batch, options_);
      const double us = 1e6 * clock.seconds();
      losses_.push_back(result.sums[0] / result.sums[1]);
      ++options_.step;
      return us;
    };
    const Clock warmup;
    for (int i = 0; i < kWarmups || warmup.seconds() < kWarmupSeconds; ++i) step();
    std::vector<double> times;
    for (int i = 0; i < kRepeats; ++i) times.push_back(step());
    return spreadOf(std::move(times));
  }

  // What the device has no kernel for.
  std::vector<std::string> opsOnHost(const GruSizes& s) const {
    std::vector<std::string> ops;
    for (const sluice::OpInfo& op :
         model_->explain({RunKind::Train, s.batch, s.steps, "cuda", options_.precision}).ops)
      if (!op.fallback.empty()) ops.push_back(text(op.op));
    return ops;
  }

 private:
  std::shared_ptr<Model> model_;
  RunOptions options_;
  std::vector<double> losses_;
};

struct Measured {
  std::vector<Member> row;
  double firstLoss = NAN;
  bool isLearning = false;
};

Measured measureCase(const Case& c, Numbers numbers) {
  const GruSizes& s = c.sizes;
  Measured measured{{{"name", text(c.name)}}};
  std::vector<Member>& row = measured.row;
  for (const Member& member : describe(GruCase{s, numbers, 0, 0})) row.push_back(member);
  try {
    const sluice::Device* device = sluice::BackendRegistry::instance().require("cuda").device();
    Training training(s, numbers);
    const auto uploaded = makeBatch(training.model(), s, 0, s.batch, device);
    const auto plain = makeBatch(training.model(), s, 0, s.batch, device);
    sluice::uploadBatch(training.model().graph(), *uploaded);
    row.push_back({"stepUs", json(training.measure(*uploaded))});
    row.push_back({"stepWithCopyUs", json(training.measure(*plain))});
    row.push_back({"onHost", array(training.opsOnHost(s))});
    row.push_back({"cublas", loadedCublas()});
    measured.firstLoss = training.firstLoss();
    measured.isLearning = training.isLearning();
  } catch (const std::exception& error) {
    row.push_back({"status", text(std::string("failed: ") + error.what())});
  }
  return measured;
}

// What is expected takes a while on few processors: the GPU comes first.
void measureAll(Report& report) {
  for (const Case& c : kCases) {
    std::vector<Measured> all;
    for (const Numbers numbers : kNumbers)
      if (report.hasTime()) all.push_back(measureCase(c, numbers));
    const double expected = referenceLoss(c.sizes, report);
    for (size_t n = 0; n < all.size(); ++n) {
      const double distance =
          std::abs(all[n].firstLoss - expected) / std::max(1.0, std::abs(expected));
      all[n].row.push_back({"distance", number(distance)});
      report.add(std::move(all[n].row), distance <= kLossTolerances[n] && all[n].isLearning);
    }
  }
  if (!report.hasTime()) report.note("the time was up before everything was measured and checked");
}

void describeDevice(Report& report) {
  const sluice::Backend& backend = sluice::BackendRegistry::instance().require("cuda");
  const sluice::Device& device = *backend.device();
  sluice::DeviceDescription description;
  device.check(device.library().describe(device.index(), &description), "describe itself");
  report.describe("machine", object({{"gpu", text(description.name)},
                                     {"details", text(description.description)},
                                     {"date", text(today())}}));
  report.describe("library",
                  text(std::string("Sluice ") + SLUICE_VERSION + ", " + backend.target()));
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = readOptions(argc, argv);
  sluice::BackendRegistry& registry = sluice::BackendRegistry::instance();
  registry.add(sluice::makeReferenceBackend());
  const sluice::LibraryAttempt library = openLibrary();
  const bool isThere = library.status == sluice::LibraryAttempt::Taken;
  if (!isThere || !library.reason.empty()) {
    std::fprintf(stderr, "nothing measured: %s\n", library.reason.c_str());
    return isThere ? kNoDevice : kFailed;
  }
  return runReport(
      options,
      "gru(units) -> dense(1) of the last step, mse, Adam, rows first; a whole step by the host's "
      "clock, until its loss has come back, one after the other; stepUs: the rows were copied to "
      "the GPU before, as fit does while the step before runs; stepWithCopyUs: the step copies "
      "them itself; distance: of the first loss from that in double on the CPU; onHost: ops that "
      "the GPU has no kernels for; cublas: the library that was loaded, which large products go to",
      [](Report& report) {
        describeDevice(report);
        measureAll(report);
      });
}
