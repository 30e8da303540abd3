// Worker and supervisor: a list of cases, each of which may crash or hang its process. A child runs
// them and says what came out, line by line; its parent, which touches no GPU, writes the results,
// ends a child that is silent for too long, and starts another one behind the case that it failed
// at.
#pragma once

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/program.h"

namespace bench {

// What a library does not do; its words are the result of the case.
class Refused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Runner {
 public:
  virtual ~Runner() = default;
  // What the figures come from, for the results: a version.
  virtual std::string library() const = 0;
  // The results of a case; sets `valid` where they are right.
  virtual std::vector<Member> run(size_t index, bool& valid) = 0;
};

struct CaseList {
  const char* conditions;
  size_t count;
  std::function<std::vector<Member>(size_t index)> describe;
  std::function<std::unique_ptr<Runner>(const Machine& machine)> makeRunner;
};

namespace cases {

constexpr int kRestart = 3;  // a worker after a failure that its process may not recover from
// How long a worker may be silent. The first case loads libraries of many hundred MB, perhaps from
// a disk that has not read them yet.
constexpr double kSilenceSeconds = 15, kFirstSilenceSeconds = 40;
// How long after the end of its time a worker is waited for.
constexpr double kGraceSeconds = 5;

inline void say(const char* what, const std::string& rest) {
  std::printf("%s %s\n", what, rest.c_str());
  std::fflush(stdout);
}

// Lines: "machine JSON", "library TEXT", and for each case "case INDEX", "row JSON".
inline int work(const CaseList& list, size_t first, double seconds) {
  if (!hasDevice()) return kNoDevice;
  const Clock clock;
  const Machine machine;
  say("machine", machine.json());
  const std::unique_ptr<Runner> runner = list.makeRunner(machine);
  say("library", text(runner->library()));
  for (size_t i = first; i < list.count && clock.seconds() < seconds; ++i) {
    say("case", std::to_string(i));
    std::vector<Member> row = list.describe(i);
    bool valid = false, canGoOn = true;
    const auto add = [&](const std::string& status) { row.push_back({"status", text(status)}); };
    try {
      std::vector<Member> results = runner->run(i, valid);
      add(valid ? "ok" : "wrong results");
      row.insert(row.end(), results.begin(), results.end());
    } catch (const Refused& refusal) {
      add(refusal.what());
      valid = true;
    } catch (const std::exception& error) {
      add(std::string("failed: ") + error.what());
    }
    // An error that stays is one of the device's context: every later call would fail too.
    cudaGetLastError();
    if (cudaDeviceSynchronize() != cudaSuccess) canGoOn = false;
    row.push_back({"valid", boolean(valid)});
    say("row", object(row));
    if (!canGoOn) return kRestart;
  }
  return kOk;
}

class Supervisor {
 public:
  Supervisor(const CaseList& list, const Options& options) : list_(list), options_(options) {}

  int run(const char* program) {
    size_t next = 0;
    int code = kRestart;
    while (next < list_.count && code != kOk && secondsLeft() > 0) {
      code = watch(program, next);
      if (code == kNoDevice) return kNoDevice;
      if (code == kOk) break;
      if (!current_) {  // not even begun
        note("a worker ended with " + std::to_string(code) + " before its first case");
        break;
      }
      if (!isRowThere_) failCase(code);
      next = *current_ + 1;
    }
    save();
    return isValid_ && code == kOk ? kOk : kFailed;
  }

 private:
  void save() const {
    write(options_.out, object({{"machine", machine_},
                                {"library", library_},
                                {"conditions", text(list_.conditions)},
                                {"seconds", number(clock_.seconds())},
                                {"cases", integer(static_cast<int64_t>(list_.count))},
                                {"notes", array(notes_)},
                                {"rows", array(rows_)}}));
  }

  double secondsLeft() const { return options_.seconds - clock_.seconds(); }

  void note(const std::string& line) {
    std::fprintf(stderr, "%s\n", line.c_str());
    notes_.push_back(text(line));
    isValid_ = false;
  }

  void addRow(const std::string& json) {
    std::fprintf(stderr, "%s\n", json.c_str());
    rows_.push_back(json);
    isRowThere_ = true;
    isFirst_ = false;
    if (!options_.out.empty()) save();  // what is there stays, whatever happens next
    if (json.find("\"valid\":false") != std::string::npos) isValid_ = false;
  }

  void failCase(int code) {
    std::vector<Member> row = list_.describe(*current_);
    row.push_back({"status", text("failed: " +
                                  (isSilent_ ? "no answer within " + number(patience_) + " s"
                                             : "the process ended with " + std::to_string(code)))});
    row.push_back({"valid", boolean(false)});
    addRow(object(row));
  }

  void take(const std::string& line) {
    const size_t space = line.find(' ');
    if (space == std::string::npos) return;
    const std::string what = line.substr(0, space), rest = line.substr(space + 1);
    if (what == "machine") {
      machine_ = rest;
    } else if (what == "library") {
      library_ = rest;
    } else if (what == "case") {
      current_ = static_cast<size_t>(std::stoull(rest));
      isRowThere_ = false;
    } else if (what == "row") {
      addRow(rest);
    }
  }

  // Runs a worker to its end; its exit code, or 128 and a signal.
  int watch(const char* program, size_t first) {
    current_.reset();
    isSilent_ = false;
    isFirst_ = true;
    int ends[2];
    if (pipe(ends) != 0) return kFailed;
    const std::string start = std::to_string(first), seconds = std::to_string(secondsLeft());
    const pid_t child = fork();
    if (child == 0) {
      dup2(ends[1], STDOUT_FILENO);
      close(ends[0]);
      close(ends[1]);
      execl(program, program, "--worker", start.c_str(), "--seconds", seconds.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    if (child > 0) listen(ends[0], child);
    close(ends[0]);
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) return kFailed;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  void listen(int from, pid_t child) {
    std::string pending;
    char bytes[4096];
    while (true) {
      pollfd ready = {from, POLLIN, 0};
      patience_ = std::clamp(secondsLeft() + kGraceSeconds, 1.0,
                             isFirst_ ? kFirstSilenceSeconds : kSilenceSeconds);
      if (poll(&ready, 1, static_cast<int>(1e3 * patience_)) == 0) {
        isSilent_ = true;
        kill(child, SIGKILL);
        return;
      }
      const ssize_t count = read(from, bytes, sizeof bytes);
      if (count <= 0) return;
      pending.append(bytes, static_cast<size_t>(count));
      for (size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
        take(pending.substr(0, end));
    }
  }

  const CaseList& list_;
  const Options& options_;
  Clock clock_;
  std::string machine_ = "null", library_ = "null";
  std::vector<std::string> notes_, rows_;
  std::optional<size_t> current_;
  bool isRowThere_ = false;
  bool isFirst_ = true;  // case of this worker
  bool isSilent_ = false;
  double patience_ = 0;
  bool isValid_ = true;
};

}  // namespace cases

inline int runCases(int argc, char** argv, const CaseList& list) {
  if (argc == 5 && !std::strcmp(argv[1], "--worker"))
    return cases::work(list, std::strtoull(argv[2], nullptr, 10), std::atof(argv[4]));
  const Options options = readOptions(argc, argv);
  return cases::Supervisor(list, options).run(argv[0]);
}

}  // namespace bench
