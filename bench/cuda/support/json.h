// JSON as strings: enough for results.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace bench {

using Member = std::pair<std::string, std::string>;  // a name, and a value that is JSON already

inline std::string text(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

inline std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", value);
  return digits;
}

inline std::string integer(int64_t value) { return std::to_string(value); }

inline std::string boolean(bool value) { return value ? "true" : "false"; }

inline std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ",") + item;
  return out;
}

inline std::string array(const std::vector<std::string>& items) {
  return "[" + joined(items) + "]";
}

inline std::string object(const std::vector<Member>& members) {
  std::vector<std::string> items;
  for (const Member& member : members) items.push_back(text(member.first) + ":" + member.second);
  return "{" + joined(items) + "}";
}

}  // namespace bench
