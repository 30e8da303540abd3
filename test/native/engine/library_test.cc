// Backends in libraries of their own, by libraries made for it (test/native/cuda/fake).
#include "engine/backend/library.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "engine/backend/device.h"
#include "engine/core/error.h"

namespace sluice::test {
namespace {

std::string fake(const std::string& fault) {
  return std::string(SLUICE_FAKE_FOLDER "/") + fault + ".so";
}
LibraryPlace at(const std::string& fault) { return {.name = fault, .file = fake(fault)}; }
LibraryPlace nothing(const std::string& name) {
  return {.name = name, .file = "", .reason = "not there"};
}

std::vector<LibraryAttempt> add(BackendRegistry& registry,
                                const std::vector<LibraryPlace>& places) {
  return addLibrary(registry, "cuda", places, SLUICE_VERSION);
}

// What is not there, and why: "name: reason".
std::vector<std::string> missing(const BackendRegistry& registry) {
  std::vector<std::string> list;
  for (const auto& [name, reason] : registry.unavailable()) list.push_back(cat(name, ": ", reason));
  return list;
}
std::vector<std::string> missingFrom(const std::string& fault) {
  BackendRegistry registry;
  add(registry, {at(fault)});
  EXPECT_TRUE(registry.all().empty());
  return missing(registry);
}

using Texts = std::vector<std::string>;

// The text of the error with this code.
std::string errorOf(Code code, const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an error";
  return "";
}
std::string refusal(const BackendRegistry& registry, const std::string& name) {
  return errorOf(Code::DeviceUnavailable, [&] { registry.require(name); });
}

TEST(Library, BringsItsDevices) {
  BackendRegistry registry;
  const auto attempts = add(registry, {at("None")});
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(attempts[0].status, LibraryAttempt::Taken);
  EXPECT_EQ(attempts[0].reason, "");
  EXPECT_EQ(missing(registry), Texts{});
  ASSERT_EQ(registry.all().size(), 2u);
  const Backend& first = registry.require("cuda:0");
  EXPECT_EQ(first.name(), "cuda:0");
  EXPECT_EQ(first.description(), "Fake GPU 0, memory of the host");
  EXPECT_EQ(first.target(), "fake");
  EXPECT_EQ(&registry.require("cuda"), &first);
  EXPECT_EQ(registry.require("cuda:1").description(), "Fake GPU 1, memory of the host");
  EXPECT_EQ(first.device()->index(), 0);
  // No kernel is one without a name.
  EXPECT_EQ((*first.kernels(DType::Float32))[0].name, nullptr);
  EXPECT_EQ(first.kernels(DType::Float64), nullptr);
}

TEST(Library, ThatIsNoneOfOursSaysWhy) {
  EXPECT_EQ(missingFrom("Abi"), Texts{cat("cuda: Abi: speaks version ", kBackendAbi + 1,
                                          " of the interface, this is ", kBackendAbi)});
  EXPECT_EQ(missingFrom("Version"),
            Texts{"cuda: Version: is of sluice 99.0.0, this is " SLUICE_VERSION});
  EXPECT_EQ(missingFrom("NoVersion"),
            Texts{"cuda: NoVersion: is of sluice ?, this is " SLUICE_VERSION});
  EXPECT_EQ(missingFrom("Symbol"),
            Texts{"cuda: Symbol: is no backend: it has no function sluice_backend"});
  EXPECT_EQ(missingFrom("Table"), Texts{"cuda: Table: gives no table of functions"});
}

TEST(Library, ThatDoesNotLoadSaysWhatTheSystemSays) {
  const std::string file = testing::TempDir() + "/not-a-library.so";
  std::ofstream(file) << "not a library";
  BackendRegistry registry;
  const auto attempts =
      add(registry, {{.name = "text", .file = file}, {.name = "none", .file = file + ".so"}});
  std::remove(file.c_str());
  EXPECT_EQ(attempts[0].status, LibraryAttempt::Failed);
  EXPECT_EQ(attempts[0].reason, "file too short");
  EXPECT_EQ(attempts[1].status, LibraryAttempt::Failed);
  EXPECT_NE(attempts[1].reason.find("No such file"), std::string::npos) << attempts[1].reason;
  EXPECT_EQ(missing(registry), Texts{"cuda: text: file too short; none: " + attempts[1].reason});
}

TEST(Library, WithoutADeviceSaysWhy) {
  EXPECT_EQ(missingFrom("Driver"), Texts{"cuda: there is no driver"});
  EXPECT_EQ(missingFrom("Silent"), Texts{"cuda: there is no device"});
  const std::string reason = missingFrom("LongReason").at(0);
  EXPECT_EQ(reason.substr(0, 16), "cuda: long: xxxx");
  EXPECT_EQ(reason.size(), std::string("cuda: ").size() + 1023);
}

TEST(Library, IsTheFirstGoodOneAmongItsPlaces) {
  BackendRegistry registry;
  const auto attempts =
      add(registry, {nothing("first"), at("Abi"), at("Describe"), nothing("late"), at("None")});
  using enum LibraryAttempt::Status;
  const std::vector<LibraryAttempt::Status> expected{Absent, Failed, Taken, Absent, NotTried};
  ASSERT_EQ(attempts.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(attempts[i].status, expected[i]) << i;
  EXPECT_EQ(attempts[0].reason, "not there");
  EXPECT_EQ(attempts[4].reason, "");
  ASSERT_EQ(registry.all().size(), 1u);  // of Describe, and not the two of None
}

// What it takes to find that out is left until somebody asks for the device.
TEST(Library, DeviceThatCannotBeUsedSaysSoWhenItIsAskedFor) {
  BackendRegistry registry;
  add(registry, {at("Start")});
  EXPECT_EQ(missing(registry), Texts{});
  EXPECT_EQ(refusal(registry, "cuda"),
            "device 'cuda' (Fake GPU 0, memory of the host) cannot be used: it is broken; there is "
            "'cuda:1'");
  EXPECT_EQ(registry.require("cuda:1").name(), "cuda:1");
}

// Where a machine has no device, another library would not find one either.
TEST(Library, OfThisVersionIsTheLastOneThatIsTried) {
  BackendRegistry registry;
  const auto attempts = add(registry, {at("Driver"), at("None")});
  EXPECT_EQ(attempts[0].status, LibraryAttempt::Taken);
  EXPECT_EQ(attempts[0].reason, "there is no driver");
  EXPECT_EQ(attempts[1].status, LibraryAttempt::NotTried);
  EXPECT_EQ(missing(registry), Texts{"cuda: there is no driver"});
}

TEST(Library, ThatIsNowhereNamesAllPlaces) {
  BackendRegistry registry;
  add(registry, {nothing("the variable"), at("Table"), nothing("the package")});
  EXPECT_EQ(missing(registry), Texts{"cuda: the variable: not there; Table: gives no table of "
                                     "functions; the package: not there"});
  BackendRegistry placeless;
  add(placeless, {});
  EXPECT_EQ(missing(placeless), Texts{"cuda: no place to look for its library"});
}

TEST(Library, IsLookedForOnce) {
  BackendRegistry found, none;
  add(found, {at("None")});
  add(none, {at("Driver")});
  EXPECT_TRUE(add(found, {at("None")}).empty());
  EXPECT_TRUE(add(none, {at("None")}).empty());
  EXPECT_EQ(found.all().size(), 2u);
  EXPECT_EQ(none.all().size(), 0u);
  EXPECT_EQ(missing(none), Texts{"cuda: there is no driver"});
  // Another name is another matter.
  EXPECT_EQ(addLibrary(none, "tpu", {nothing("here")}, SLUICE_VERSION).size(), 1u);
  EXPECT_EQ(missing(none), (Texts{"cuda: there is no driver", "tpu: here: not there"}));
}

TEST(Library, DevicesThatDoNotWorkLeaveTheOthers) {
  BackendRegistry registry;
  add(registry, {at("Describe")});
  EXPECT_EQ(registry.require("cuda").name(), "cuda:0");
  EXPECT_EQ(missing(registry), Texts{"cuda:1: cuda:1: could not describe itself: it is broken"});
  EXPECT_EQ(refusal(registry, "cuda:1"),
            "device 'cuda:1' is not available: cuda:1: could not describe itself: it is broken; "
            "there is 'cuda:0'");
  EXPECT_EQ(refusal(registry, "cuda:2"), "device 'cuda:2' is unknown; there is 'cuda:0'");

  BackendRegistry broken;
  add(broken, {at("NoneDescribed")});
  EXPECT_EQ(missing(broken).size(), 2u);
  EXPECT_NE(refusal(broken, "cuda").find("cuda:0: could not describe itself"), std::string::npos);
  EXPECT_TRUE(broken.knows("cuda"));
  EXPECT_TRUE(add(broken, {at("None")}).empty());
}

TEST(Library, DevicesThatAreNotThereAreRefusedWithTheReason) {
  BackendRegistry registry;
  add(registry, {at("Driver")});
  for (const char* name : {"cuda", "cuda:0", "cuda:1"})
    EXPECT_EQ(refusal(registry, name),
              cat("device '", name, "' is not available: there is no driver; there is "));
  EXPECT_EQ(refusal(registry, "cud"), "device 'cud' is unknown; there is ");
}

TEST(Library, DeviceWithoutMemorySaysHowMuchIsLeft) {
  BackendRegistry registry;
  add(registry, {at("Memory")});
  const Device& device = *registry.require("cuda:1").device();
  EXPECT_EQ(errorOf(Code::OutOfMemory, [&] { device.allocate(5000, "a test"); }),
            "a test needs 5000 bytes of cuda:1, which has 1000 of 4000 left");
  BackendRegistry other;
  add(other, {at("HostMemory")});
  const Device& good = *other.require("cuda").device();
  EXPECT_NE(errorOf(Code::OutOfMemory, [&] { good.host().allocate(5000, "a test"); })
                .find("a test needs 5000 bytes of the host's memory"),
            std::string::npos);
}

TEST(Library, QueueThatFailsIsAnError) {
  BackendRegistry closed, failing;
  add(closed, {at("QueueOpening")});
  add(failing, {at("QueueFailing")});
  EXPECT_EQ(errorOf(Code::Internal, [&] { Queue queue(*closed.require("cuda").device()); }),
            "cuda:0: could not open a queue: it is broken");
  Queue queue(*failing.require("cuda").device());
  char bytes[4] = {1, 2, 3, 4}, copy[4] = {};
  const auto reason = [&](const std::function<void()>& call) {
    return errorOf(Code::Internal, call);
  };
  EXPECT_EQ(reason([&] { queue.copyIn(copy, bytes, 4); }),
            "cuda:0: could not copy to the device: it is broken");
  EXPECT_EQ(reason([&] { queue.copyOut(copy, bytes, 4); }),
            "cuda:0: could not copy from the device: it is broken");
  EXPECT_EQ(reason([&] { queue.copyWithin(copy, bytes, 4); }),
            "cuda:0: could not copy on the device: it is broken");
  EXPECT_EQ(reason([&] { queue.fill(copy, 0, 4); }), "cuda:0: could not fill memory: it is broken");
  EXPECT_EQ(reason([&] { queue.synchronize(); }),
            "cuda:0: could not finish its work: it is broken");
  EXPECT_EQ(reason([&] { queue.follow(queue); }),
            "cuda:0: could not wait for another queue: it is broken");
  EXPECT_EQ(reason([&] { queue.record([] {}); }),
            "cuda:0: could not begin a recording: it is broken");
}

TEST(Library, QueueCopiesAndRecordsNothing) {
  BackendRegistry registry;
  add(registry, {at("None")});
  const Device& device = *registry.require("cuda").device();
  Queue queue(device);
  void* memory = device.allocate(4, "a test");
  const char bytes[4] = {1, 2, 3, 4};
  char copy[4] = {};
  queue.copyIn(memory, bytes, 4);
  queue.copyOut(copy, memory, 4);
  queue.synchronize();
  EXPECT_EQ(std::string(copy, 4), std::string(bytes, 4));
  // A device that cannot keep work has no recording, which is no error.
  EXPECT_EQ(queue.record([] {}), nullptr);
  device.release(memory);
}

TEST(Library, MayBeAddedAndAskedForFromAllThreads) {
  for (int round = 0; round < 20; ++round) {
    BackendRegistry registry;
    std::vector<std::thread> threads;
    std::vector<size_t> attempts(4);
    for (size_t i = 0; i < attempts.size(); ++i) {
      threads.emplace_back([&, i] {
        attempts[i] = add(registry, {nothing("first"), at("Describe")}).size();
        // Whoever has called it finds what it found, whoever did the work.
        EXPECT_EQ(registry.require("cuda").name(), "cuda:0");
        EXPECT_NE(refusal(registry, "cuda:1"), "");
      });
      threads.emplace_back([&] {
        try {
          EXPECT_EQ(registry.require("cuda").name(), "cuda:0");
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), Code::DeviceUnavailable);
        }
        registry.all();
        registry.unavailable();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(attempts[0] + attempts[1] + attempts[2] + attempts[3], 2u);  // of one of them
    EXPECT_EQ(registry.all().size(), 1u);
  }
}

}  // namespace
}  // namespace sluice::test
