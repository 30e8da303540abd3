#include "addon/process.h"

#include <cstdlib>
#include <mutex>
#include <optional>
#include <vector>

#include "addon/channel.h"
#include "addon/devices.h"
#include "addon/js.h"
#include "addon/wrap.h"
#include "engine/core/memory.h"
#include "engine/runtime/threads.h"
#if SLUICE_CPU
#include "cpu/cpu.h"
#endif

namespace sluice::addon {
namespace {

#if defined(__clang__) || !defined(__GNUC__)
constexpr const char* kCompiler = __VERSION__;
#else
constexpr const char* kCompiler = "gcc " __VERSION__;
#endif

Napi::Value threads(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // Not of one type for both: an optional double becomes an optional int without a word.
  const auto orNull = [&](const auto& count) {
    return count ? Napi::Value::From(env, *count) : env.Null();
  };
  const ThreadInfo threads = threadInfo();
  Napi::Object result = Napi::Object::New(env);
  result.Set("count", threads.count);
  result.Set("affinity", threads.affinity);
  result.Set("cgroupQuota", orNull(threads.cgroupQuota));
  result.Set("requested", orNull(threads.requested));
  return result;
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const MemoryInfo memory = memoryInfo();
  Napi::Object result = Napi::Object::New(env);
  result.Set("limit", static_cast<double>(memory.limit));
  result.Set("available", static_cast<double>(memory.available));
  result.Set("source", memory.source);
  return result;
}

Napi::Value cpu(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
#if SLUICE_CPU
  const CpuInfo cpu = cpuInfo();
  const auto orNull = [&](const std::string& text) {
    return text.empty() ? env.Null() : Napi::Value::From(env, text);
  };
  const auto names = [&](const std::vector<std::string>& list) {
    return toArray(env, list,
                   [&](const std::string& name) { return Napi::String::New(env, name); });
  };
  Napi::Object blas = Napi::Object::New(env);
  blas.Set("name", cpu.blas.name);
  blas.Set("version", orNull(cpu.blas.version));
  blas.Set("build", orNull(cpu.blas.build));
  blas.Set("core", orNull(cpu.blas.core));
  blas.Set("config", orNull(cpu.blas.config));
  Napi::Object result = Napi::Object::New(env);
  result.Set("target", orNull(cpu.target));
  result.Set("forced", orNull(cpu.forced.value_or("")));
  result.Set("targets", names(cpu.targets));
  result.Set("unused", names(cpu.unused));
  result.Set("blas", blas);
  return result;
#else
  return env.Null();
#endif
}

void setThreadCount(const Napi::CallbackInfo& info) {
  setThreads(static_cast<int>(readInteger(info[0], "threads", 0, kMaxCount)));
}

Napi::Value buildInfo(const Napi::CallbackInfo& info) {
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("version", kVersion);
  result.Set("compiler", kCompiler);
  result.Set("napi", NAPI_VERSION);
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

void requireConfiguration() {
#if SLUICE_CPU
  requireCpuTarget();
#endif
}

void defineProcessFunctions(Napi::Object exports) {
  const Napi::Env env = exports.Env();
  exports.Set("threads", function<threads>(env, "threads"));
  exports.Set("setThreads", function<setThreadCount>(env, "setThreads"));
  exports.Set("memory", function<memory>(env, "memory"));
  exports.Set("cpu", function<cpu>(env, "cpu"));
  exports.Set("buildInfo", function<buildInfo>(env, "buildInfo"));
}

}  // namespace sluice::addon
