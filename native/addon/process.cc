#include "addon/process.h"

#include <cstdlib>
#include <mutex>
#include <vector>

#include "addon/channel.h"
#include "addon/wrap.h"
#include "engine/backend/backend.h"
#include "engine/runtime/threads.h"
#include "reference/reference.h"
#if SLUICE_CPU
#include "cpu/cpu.h"
#endif

#ifndef SLUICE_VERSION
#define SLUICE_VERSION "0.0.0"
#endif

namespace sluice::addon {
namespace {

#if defined(__clang__) || !defined(__GNUC__)
constexpr const char* kCompiler = __VERSION__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

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

napi_value devices(const Call& call) {
  napi_env env = call.env;
  struct Device {
    const std::string* name;
    bool available;
    const std::string* description;
  };
  std::vector<Device> devices;
  const BackendRegistry& registry = BackendRegistry::instance();
  for (const auto& backend : registry.all())
    devices.push_back({&backend->name(), true, &backend->description()});
  for (const auto& missing : registry.unavailable())
    devices.push_back({&missing.name, false, &missing.reason});
  return jsList(env, devices, [&](const Device& device) {
    napi_value info = jsObject(env);
    set(env, info, "name", jsString(env, *device.name));
    set(env, info, "available", jsBoolean(env, device.available));
    set(env, info, "description", jsString(env, *device.description));
    return info;
  });
}

napi_value threads(const Call& call) {
  napi_env env = call.env;
  const ThreadInfo info = threadInfo();
  napi_value result = jsObject(env);
  set(env, result, "count", jsNumber(env, info.count));
  set(env, result, "affinity", jsNumber(env, info.affinity));
  set(env, result, "cgroupQuota",
      info.cgroupQuota ? jsNumber(env, *info.cgroupQuota) : jsNull(env));
  set(env, result, "requested", info.requested ? jsNumber(env, *info.requested) : jsNull(env));
  return result;
}

napi_value setThreadCount(const Call& call) {
  setThreads(static_cast<int>(readInteger(call.env, call[0], "threads", 0, kMaxCount)));
  return nullptr;
}

napi_value buildInfo(const Call& call) {
  napi_env env = call.env;
  napi_value result = jsObject(env);
  set(env, result, "version", jsString(env, SLUICE_VERSION));
  set(env, result, "compiler", jsString(env, kCompiler));
  set(env, result, "napi", jsNumber(env, NAPI_VERSION));
  return result;
}

}  // namespace

void initializeProcess() {
  static std::once_flag once;
  std::call_once(once, [] {
    registerBackends();
    // process.exit and an uncaught throw end the main thread's environment without its cleanup
    // hooks. This runs before destructors take away what the compute thread works with.
    std::atexit(closeAllChannels);
  });
}

void defineProcessFunctions(napi_env env, napi_value exports) {
  defineProperties(env, exports,
                   {
                       functionProperty<devices>("devices"),
                       functionProperty<threads>("threads"),
                       functionProperty<setThreadCount>("setThreads"),
                       functionProperty<buildInfo>("buildInfo"),
                   },
                   true);
}

}  // namespace sluice::addon
