// The process's side of the conversation that drivers/protocol.mjs describes.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

// A case comes as arguments of the form name=value.
class Case {
 public:
  Case(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      const size_t equals = argument.find('=');
      if (equals != std::string::npos)
        values_[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
  }
  const std::string& text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw std::invalid_argument("no " + name + "=... was given");
    return found->second;
  }
  std::string text(const std::string& name, const std::string& otherwise) const {
    return values_.count(name) ? text(name) : otherwise;
  }
  int64_t number(const std::string& name) const { return std::atoll(text(name).c_str()); }
  int64_t number(const std::string& name, int64_t otherwise) const {
    return values_.count(name) ? number(name) : otherwise;
  }

 private:
  std::map<std::string, std::string> values_;
};

struct Work {
  std::function<void()> iterate;
  std::function<std::string()> check = [] { return std::string("{}"); };  // samples, as JSON
};

// Median milliseconds of one of `count` iterations, timed in at most a hundred blocks.
inline double medianMs(const std::function<void()>& iterate, int64_t count) {
  using Clock = std::chrono::steady_clock;
  const int64_t block = (count + 99) / 100;
  std::vector<double> times;
  for (int64_t done = 0; done < count; done += block) {
    const Clock::time_point start = Clock::now();
    for (int64_t i = 0; i < block; ++i) iterate();
    const std::chrono::duration<double, std::milli> time = Clock::now() - start;
    times.push_back(time.count() / static_cast<double>(block));
  }
  std::sort(times.begin(), times.end());
  const size_t half = times.size() / 2;
  return times.size() % 2 ? times[half] : (times[half - 1] + times[half]) / 2;
}

inline void serve(const Work& work) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point enough = Clock::now() + std::chrono::seconds(1);
  for (int i = 0; i < 3 && Clock::now() < enough; ++i) work.iterate();
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    int64_t count = 0;
    words >> command >> count;
    if (command == "check") {
      std::cout << work.check() << std::endl;
    } else {
      std::cout << medianMs(work.iterate, count) << std::endl;
    }
  }
}

}  // namespace bench
