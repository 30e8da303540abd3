# Node-API's C headers as Sluice::NodeApi. cmake-js names their folder in CMAKE_JS_INC; a plain cmake
# run looks for the package node-api-headers as Node would, in node_modules of this folder and of
# those above it. Nothing is downloaded.

if(CMAKE_JS_INC)
  set(_include_dirs ${CMAKE_JS_INC})
else()
  set(_include_dirs "")
  set(_folder ${PROJECT_SOURCE_DIR})
  set(_below "")
  while(NOT _folder STREQUAL _below)
    list(APPEND _include_dirs ${_folder}/node_modules/node-api-headers/include)
    set(_below ${_folder})
    cmake_path(GET _folder PARENT_PATH _folder)
  endwhile()
endif()

find_path(SluiceNodeApi_INCLUDE_DIR node_api.h PATHS ${_include_dirs} NO_DEFAULT_PATH)
mark_as_advanced(SluiceNodeApi_INCLUDE_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SluiceNodeApi
  REQUIRED_VARS SluiceNodeApi_INCLUDE_DIR
  REASON_FAILURE_MESSAGE
    "The Node-API headers were not found. Run npm ci first, or build without the addon: \
-DSLUICE_ADDON=OFF.")

if(SluiceNodeApi_FOUND AND NOT TARGET Sluice::NodeApi)
  add_library(Sluice::NodeApi INTERFACE IMPORTED)
  target_include_directories(Sluice::NodeApi INTERFACE ${SluiceNodeApi_INCLUDE_DIR})
  target_link_libraries(Sluice::NodeApi INTERFACE ${CMAKE_JS_LIB})
endif()
