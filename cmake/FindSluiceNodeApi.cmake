# Node-API and its C++ interface, node-addon-api, as Sluice::NodeApi. The packages node-api-headers
# and node-addon-api are looked for as Node would, in node_modules of this folder and of those above
# it; cmake-js names the folder of the former in CMAKE_JS_INC. Nothing is downloaded.

set(_headers_dirs ${CMAKE_JS_INC})
set(_wrapper_dirs "")
set(_folder ${PROJECT_SOURCE_DIR})
set(_below "")
while(NOT _folder STREQUAL _below)
  list(APPEND _headers_dirs ${_folder}/node_modules/node-api-headers/include)
  list(APPEND _wrapper_dirs ${_folder}/node_modules/node-addon-api)
  set(_below ${_folder})
  cmake_path(GET _folder PARENT_PATH _folder)
endwhile()

find_path(SluiceNodeApi_INCLUDE_DIR node_api.h PATHS ${_headers_dirs} NO_DEFAULT_PATH)
find_path(SluiceNodeApi_WRAPPER_DIR napi.h PATHS ${_wrapper_dirs} NO_DEFAULT_PATH)
mark_as_advanced(SluiceNodeApi_INCLUDE_DIR SluiceNodeApi_WRAPPER_DIR)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SluiceNodeApi
  REQUIRED_VARS SluiceNodeApi_INCLUDE_DIR SluiceNodeApi_WRAPPER_DIR
  REASON_FAILURE_MESSAGE
    "The headers of Node-API and of node-addon-api were not found. Run npm ci first, or build \
without the addon: -DSLUICE_ADDON=OFF.")

if(SluiceNodeApi_FOUND AND NOT TARGET Sluice::NodeApi)
  add_library(Sluice::NodeApi INTERFACE IMPORTED)
  target_include_directories(Sluice::NodeApi INTERFACE
    ${SluiceNodeApi_INCLUDE_DIR} ${SluiceNodeApi_WRAPPER_DIR})
  target_link_libraries(Sluice::NodeApi INTERFACE ${CMAKE_JS_LIB})
endif()
