// The one error type of the engine. The addon turns it into a JavaScript SluiceError in one place;
// kernels never throw.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace sluice {

enum class Code {
  ShapeMismatch,
  InvalidArgument,
  NonFinite,
  Aborted,
  Busy,
  Disposed,
  Format,
  Unsupported,
  Config,
  OutOfMemory,
  DeviceUnavailable,
  Internal,
};

// The stable spelling that JavaScript sees, such as "SHAPE_MISMATCH".
const char* codeName(Code code);

// What a caller needs to repair the call; empty fields are left out at the border.
struct ErrorDetails {
  std::string layer{};
  std::string option{};
  std::string expected{};
  std::string received{};
};

class Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& message, ErrorDetails details = {})
      : std::runtime_error(message), code_(code), details_(std::move(details)) {}
  Code code() const { return code_; }
  const ErrorDetails& details() const { return details_; }

 private:
  Code code_;
  ErrorDetails details_;
};

// Joins its arguments into one string.
template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

[[noreturn]] inline void fail(Code code, const std::string& message, ErrorDetails details = {}) {
  throw Error(code, message, std::move(details));
}

}  // namespace sluice
