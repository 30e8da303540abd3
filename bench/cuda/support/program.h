// What the main functions have in common: options, the results as JSON, how they end.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "support/json.h"
#include "support/machine.h"
#include "support/timing.h"

namespace bench {

constexpr int kOk = 0;
constexpr int kFailed = 1;     // an exception, or a result that is not right
constexpr int kNoDevice = 77;  // nothing was measured

struct Options {
  std::string out;      // --out FILE: where the JSON goes; empty: standard output
  double seconds = 60;  // --seconds N: no new case is begun after so long
};

inline Options readOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const bool hasValue = i + 1 < argc;
    if (!std::strcmp(argv[i], "--out") && hasValue) {
      options.out = argv[++i];
    } else if (!std::strcmp(argv[i], "--seconds") && hasValue) {
      options.seconds = std::atof(argv[++i]);
    } else {
      std::fprintf(stderr, "usage: %s [--out FILE] [--seconds N]\n", argv[0]);
      std::exit(2);
    }
  }
  return options;
}

// Rows of results. Each is checked before it counts.
class Report {
 public:
  explicit Report(const Options& options) : seconds_(options.seconds) {}

  bool hasTime() const { return clock_.seconds() < seconds_; }
  double secondsLeft() const { return seconds_ - clock_.seconds(); }

  void add(std::vector<Member> members, bool valid) {
    members.push_back({"valid", boolean(valid)});
    rows_.push_back(object(members));
    isValid_ = isValid_ && valid;
    std::fprintf(stderr, "%s\n", rows_.back().c_str());
  }
  void note(const std::string& line) {
    notes_.push_back(text(line));
    std::fprintf(stderr, "%s\n", line.c_str());
  }

  bool isValid() const { return isValid_; }
  std::vector<Member> members() const {
    return {
        {"seconds", number(clock_.seconds())}, {"notes", array(notes_)}, {"rows", array(rows_)}};
  }

 private:
  double seconds_;
  Clock clock_;
  std::vector<std::string> rows_;
  std::vector<std::string> notes_;
  bool isValid_ = true;
};

inline bool hasDevice() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return true;
  std::fprintf(stderr, "nothing measured: %s\n",
               status == cudaSuccess ? "there is no CUDA device" : cudaGetErrorString(status));
  return false;
}

inline void write(const std::string& file, const std::string& json) {
  if (file.empty()) {
    std::printf("%s\n", json.c_str());
  } else {
    std::ofstream(file) << json << "\n";
  }
}

// `measure(machine, report)` adds rows. What it has added is written also where it fails half-way.
template <typename Measure>
int runProgram(int argc, char** argv, const char* conditions, Measure&& measure) {
  const Options options = readOptions(argc, argv);
  if (!hasDevice()) return kNoDevice;
  Report report(options);
  std::string description = "null";
  bool isComplete = false;
  try {
    const Machine machine;
    description = machine.json();
    measure(machine, report);
    isComplete = true;
  } catch (const std::exception& error) {
    report.note(std::string("stopped: ") + error.what());
  }
  std::vector<Member> members = {{"machine", description}, {"conditions", text(conditions)}};
  for (const Member& member : report.members()) members.push_back(member);
  write(options.out, object(members));
  return isComplete && report.isValid() ? kOk : kFailed;
}

}  // namespace bench
