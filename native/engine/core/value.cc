#include "engine/core/value.h"

#include <cmath>
#include <cstdint>

#include "engine/core/error.h"

namespace sluice {
namespace {

const char* typeName(Value::Type type) {
  switch (type) {
    case Value::Type::Null:
      return "null";
    case Value::Type::Boolean:
      return "a boolean";
    case Value::Type::Number:
      return "a number";
    case Value::Type::String:
      return "a string";
    case Value::Type::Array:
      return "an array";
    case Value::Type::Object:
      return "an object";
  }
  return "unknown";
}

[[noreturn]] void wrongType(const std::string& what, const char* expected, const Value& value) {
  fail(Code::Config, cat(what, " must be ", expected, ", received ", value.text()),
       {.option = what, .expected = expected, .received = value.text()});
}

}  // namespace

Value Value::boolean(bool b) {
  Value v;
  v.type_ = Type::Boolean;
  v.boolean_ = b;
  return v;
}
Value Value::number(double d) {
  Value v;
  v.type_ = Type::Number;
  v.number_ = d;
  return v;
}
Value Value::string(std::string s) {
  Value v;
  v.type_ = Type::String;
  v.string_ = std::move(s);
  return v;
}
Value Value::array(std::vector<Value> items) {
  Value v;
  v.type_ = Type::Array;
  v.items_ = std::move(items);
  return v;
}
Value Value::object(std::vector<Member> members) {
  Value v;
  v.type_ = Type::Object;
  v.members_ = std::move(members);
  return v;
}

bool Value::asBoolean(const std::string& what) const {
  if (type_ != Type::Boolean) wrongType(what, typeName(Type::Boolean), *this);
  return boolean_;
}
double Value::asNumber(const std::string& what) const {
  if (type_ != Type::Number) wrongType(what, typeName(Type::Number), *this);
  return number_;
}
int64_t Value::asInteger(const std::string& what) const {
  const double number = asNumber(what);
  if (!(std::abs(number) <= 0x1p53) || number != std::floor(number))
    wrongType(what, "a whole number", *this);
  return static_cast<int64_t>(number);
}
const std::string& Value::asString(const std::string& what) const {
  if (type_ != Type::String) wrongType(what, typeName(Type::String), *this);
  return string_;
}
const std::vector<Value>& Value::asArray(const std::string& what) const {
  if (type_ != Type::Array) wrongType(what, typeName(Type::Array), *this);
  return items_;
}
const std::vector<Value::Member>& Value::asObject(const std::string& what) const {
  if (type_ != Type::Object) wrongType(what, typeName(Type::Object), *this);
  return members_;
}

const Value* Value::find(const std::string& key) const {
  for (const auto& [name, value] : members_)
    if (name == key) return &value;
  return nullptr;
}

std::string Value::text() const {
  switch (type_) {
    case Type::Null:
      return "null";
    case Type::Boolean:
      return boolean_ ? "true" : "false";
    case Type::Number:
      return cat(number_);
    case Type::String:
      return "'" + (string_.size() > 60 ? string_.substr(0, 57) + "..." : string_) + "'";
    case Type::Array:
      return cat("an array of ", items_.size());
    case Type::Object:
      return cat("an object with ", members_.size(), " members");
  }
  return "unknown";
}

}  // namespace sluice
