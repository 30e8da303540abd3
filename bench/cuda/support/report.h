// What the main functions have in common, with a GPU or without: options, the results as JSON, how
// they end.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "support/clock.h"
#include "support/json.h"

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

inline void write(const std::string& file, const std::string& json) {
  if (file.empty()) {
    std::printf("%s\n", json.c_str());
  } else {
    std::ofstream(file) << json << "\n";
  }
}

// Rows of results. Each is checked before it counts.
class Report {
 public:
  explicit Report(const Options& options) : options_(options) {}

  bool hasTime() const { return secondsLeft() > 0; }
  double secondsLeft() const { return options_.seconds - clock_.seconds(); }

  void add(std::vector<Member> members, bool valid) {
    members.push_back({"valid", boolean(valid)});
    rows_.push_back(object(members));
    isValid_ = isValid_ && valid;
    if (!options_.out.empty()) save();  // what is there stays, whatever happens next
    std::fprintf(stderr, "%s\n", rows_.back().c_str());
  }
  void note(const std::string& line) {
    notes_.push_back(text(line));
    std::fprintf(stderr, "%s\n", line.c_str());
  }

  // What the rows come from: "machine", "library".
  void describe(const char* name, const std::string& json) { about_.push_back({name, json}); }

  bool isValid() const { return isValid_; }
  void save() const {
    std::vector<Member> members = about_;
    members.insert(
        members.end(),
        {{"seconds", number(clock_.seconds())}, {"notes", array(notes_)}, {"rows", array(rows_)}});
    write(options_.out, object(members));
  }

 private:
  Options options_;
  Clock clock_;
  std::vector<Member> about_;
  std::vector<std::string> rows_;
  std::vector<std::string> notes_;
  bool isValid_ = true;
};

// `measure(report)` adds rows. What it has added is written also where it fails half-way.
template <typename Measure>
int runReport(const Options& options, const char* conditions, Measure&& measure) {
  Report report(options);
  bool isComplete = false;
  report.describe("conditions", text(conditions));
  try {
    measure(report);
    isComplete = true;
  } catch (const std::exception& error) {
    report.note(std::string("stopped: ") + error.what());
  }
  report.save();
  return isComplete && report.isValid() ? kOk : kFailed;
}

}  // namespace bench
