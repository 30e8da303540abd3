// A tree of plain data (JSON's types): how model descriptions enter the engine. Whoever fills it
// from outside bounds depth and size; the engine checks the meaning.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

class Value {
 public:
  enum class Type { Null, Boolean, Number, String, Array, Object };
  using Member = std::pair<std::string, Value>;

  Value() = default;
  static Value boolean(bool b);
  static Value number(double d);
  static Value string(std::string s);
  static Value array(std::vector<Value> items = {});
  static Value object(std::vector<Member> members = {});

  Type type() const { return type_; }
  bool isNull() const { return type_ == Type::Null; }
  // Each throws CONFIG when the value is of another type; `what` names it in the message.
  bool asBoolean(const std::string& what) const;
  double asNumber(const std::string& what) const;
  int64_t asInteger(const std::string& what) const;  // a whole number within +-2^53
  const std::string& asString(const std::string& what) const;
  const std::vector<Value>& asArray(const std::string& what) const;
  const std::vector<Member>& asObject(const std::string& what) const;

  std::vector<Value>& items() { return items_; }
  std::vector<Member>& members() { return members_; }
  const Value* find(const std::string& key) const;  // nullptr where absent or not an object
  // Short JSON-like text for messages.
  std::string text() const;

 private:
  Type type_ = Type::Null;
  bool boolean_ = false;
  double number_ = 0;
  std::string string_;
  std::vector<Value> items_;
  std::vector<Member> members_;
};

}  // namespace sluice
