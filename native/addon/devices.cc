#include "addon/devices.h"

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "addon/arguments.h"
#include "addon/channel.h"
#include "addon/js.h"
#include "addon/process.h"
#include "addon/wrap.h"
#include "engine/backend/device.h"
#include "engine/backend/library.h"
#include "engine/core/error.h"
#include "reference/reference.h"
#if SLUICE_CPU
#include "cpu/cpu.h"
#endif

namespace sluice::addon {
namespace {

// There are a handful.
constexpr size_t kMaxPlaces = 64;

Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  struct Device {
    const std::string* name;
    bool available;
    const std::string* description;
  };
  std::vector<Device> devices;
  const BackendRegistry& registry = BackendRegistry::instance();
  for (const Backend* backend : registry.all())
    devices.push_back({&backend->name(), true, &backend->description()});
  const std::vector<BackendRegistry::Unavailable> unavailable = registry.unavailable();
  for (const auto& missing : unavailable)
    devices.push_back({&missing.name, false, &missing.reason});
  return toArray(env, devices, [&](const Device& device) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", *device.name);
    entry.Set("available", device.available);
    entry.Set("description", *device.description);
    return entry;
  });
}

std::string readStringOrNull(const Fields& fields, const char* name) {
  return fields.get(name).IsNull() ? "" : fields.string(name);
}

const char* statusName(LibraryAttempt::Status status) {
  switch (status) {
    case LibraryAttempt::Taken:
      return "taken";
    case LibraryAttempt::Failed:
      return "failed";
    case LibraryAttempt::Absent:
      return "absent";
    case LibraryAttempt::NotTried:
      return "not tried";
  }
  return "";
}

Napi::Value openLibrary(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string name = readString(info[0], "name");
  const Napi::Array list = readArray(info[1], "places", kMaxPlaces);
  std::vector<LibraryPlace> places(list.Length());
  for (uint32_t i = 0; i < places.size(); ++i) {
    const Fields fields(get(list, i), cat("places[", i, "]"), {"name", "file", "reason"});
    places[i] = {.name = fields.string("name"),
                 .file = readStringOrNull(fields, "file"),
                 .reason = readStringOrNull(fields, "reason")};
  }
  const auto attempts = addLibrary(BackendRegistry::instance(), name, places, kVersion);
  // Once more, to come before what the library has registered since: nothing may be under way when
  // its runtime goes.
  std::atexit(closeAllChannels);
  return toArray(env, attempts, [&](const LibraryAttempt& attempt) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("status", statusName(attempt.status));
    entry.Set("reason",
              attempt.reason.empty() ? env.Null() : Napi::Value::From(env, attempt.reason));
    return entry;
  });
}

void requireDevice(const Napi::CallbackInfo& info) {
  BackendRegistry::instance().require(readString(info[0], "device"));
}

// The first of the kind, else the cpu; why; and whether it is the first to ask in the process.
Napi::Value chooseDevice(const Napi::CallbackInfo& info) {
  static std::atomic<bool> asked = false;
  const std::string kind = readString(info[0], "kind");
  const BackendRegistry& registry = BackendRegistry::instance();
  const auto isOfKind = [&](const std::string& name) {
    return name.substr(0, name.find(':')) == kind;
  };
  std::string device, reason;
  const auto because = [&](const std::string& name, const char* is, const std::string& why) {
    if (reason.empty()) reason = cat(name, is, why);
  };
  for (const Backend* backend : registry.all()) {
    if (!device.empty() || !isOfKind(backend->name())) continue;
    const std::string why = backend->device() != nullptr ? backend->device()->start() : "";
    if (!why.empty()) {
      because(backend->name(), " cannot be used: ", why);
      continue;
    }
    device = backend->name();
    reason = backend->description();
  }
  if (device.empty()) {
    device = "cpu";
    for (const auto& missing : registry.unavailable())
      if (isOfKind(missing.name)) because(missing.name, " is not available: ", missing.reason);
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("device", device);
  result.Set("reason", reason);
  result.Set("isFirst", !asked.exchange(true));
  return result;
}

}  // namespace

void registerBackends() {
  BackendRegistry& registry = BackendRegistry::instance();
#if SLUICE_CPU
  try {
    registry.add(makeCpuBackend());
  } catch (const Error& error) {
    registry.addUnavailable("cpu", error.what());
  }
#else
  registry.addUnavailable("cpu", "this build was made without the CPU backend");
#endif
  registry.add(makeReferenceBackend());
}

void defineDeviceFunctions(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  exports.Set("devices", function<devices>(env, "devices"));
  exports.Set("addLibrary", function<openLibrary>(env, "addLibrary"));
  exports.Set("requireDevice", function<requireDevice>(env, "requireDevice"));
  exports.Set("chooseDevice", function<chooseDevice>(env, "chooseDevice"));
}

}  // namespace sluice::addon
