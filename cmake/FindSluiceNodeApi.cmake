# Node-API headers as Sluice::NodeApi. cmake-js names them in CMAKE_JS_INC; a plain cmake run takes
# the same packages from node_modules. Nothing is downloaded.

if(CMAKE_JS_INC)
  set(_include_dirs ${CMAKE_JS_INC})
else()
  set(_modules ${PROJECT_SOURCE_DIR}/node_modules)
  set(_include_dirs ${_modules}/node-api-headers/include ${_modules}/node-addon-api)
endif()

find_file(SluiceNodeApi_HEADER node_api.h PATHS ${_include_dirs} NO_DEFAULT_PATH NO_CACHE)
find_file(SluiceNodeApi_CPP_HEADER napi.h PATHS ${_include_dirs} NO_DEFAULT_PATH NO_CACHE)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SluiceNodeApi
  REQUIRED_VARS SluiceNodeApi_HEADER SluiceNodeApi_CPP_HEADER
  REASON_FAILURE_MESSAGE
    "The Node-API headers were not found. Run npm ci first, or build without the addon: \
-DSLUICE_ADDON=OFF.")

if(SluiceNodeApi_FOUND AND NOT TARGET Sluice::NodeApi)
  add_library(Sluice::NodeApi INTERFACE IMPORTED)
  target_include_directories(Sluice::NodeApi INTERFACE ${_include_dirs})
  target_link_libraries(Sluice::NodeApi INTERFACE ${CMAKE_JS_LIB})
endif()
