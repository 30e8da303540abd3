// Sluice's CUDA backend, as programs open it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "engine/backend/backend.h"
#include "engine/backend/library.h"
#include "support/gru_cases.h"
#include "support/json.h"

namespace bench {

// SLUICE_CUDA_PATH, else beside this program's folder, wherever the build folder was moved to.
inline std::string libraryFile() {
  if (const char* file = std::getenv("SLUICE_CUDA_PATH")) return file;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe");
  return program.parent_path().parent_path() / "cuda" / "libsluice_cuda.so";
}

// Registers its devices, or the reason why there are none.
inline sluice::LibraryAttempt openLibrary() {
  const std::string file = libraryFile();
  return sluice::addLibrary(sluice::BackendRegistry::instance(), "cuda", {{file, file, ""}},
                            SLUICE_VERSION)
      .front();
}

// As JSON, the file of cuBLAS that this process has open; null: none. The backend looks for it when
// a product is large enough.
inline std::string loadedCublas() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::filesystem::path file = line.substr(std::min(line.find('/'), line.size()));
    if (file.filename().string().starts_with("libcublas.so")) return text(file.filename().string());
  }
  return "null";
}

inline sluice::Precision precisionOf(Numbers numbers) {
  switch (numbers) {
    case Numbers::TensorFloat32:
      return sluice::Precision::TensorFloat32;
    case Numbers::BFloat16:
      return sluice::Precision::BFloat16;
    case Numbers::Float16:
      return sluice::Precision::Float16;
    case Numbers::Float32:
      break;
  }
  return sluice::Precision::Float32;
}

}  // namespace bench
