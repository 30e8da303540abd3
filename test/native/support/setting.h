#pragma once

#include <cstdlib>
#include <string>

namespace sluice::test {

// Sets a variable of the environment for as long as it lives.
class Setting {
 public:
  Setting(const char* name, const char* value) : name_(name) {
    const char* before = std::getenv(name);
    if (before != nullptr) before_ = before;
    wasSet_ = before != nullptr;
    setenv(name, value, 1);
  }
  ~Setting() { wasSet_ ? setenv(name_, before_.c_str(), 1) : unsetenv(name_); }
  Setting(const Setting&) = delete;

 private:
  const char* name_;
  std::string before_;
  bool wasSet_;
};

}  // namespace sluice::test
