# <cartan/cartan.hpp>: every public header, made from the files that are there.
file(GLOB headers RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS
     include/cartan/*/*.hpp include/cartan/*/*/*.hpp)
list(TRANSFORM headers REPLACE "(.+)" "#include <\\1>")
list(JOIN headers "\n" headers)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/include/cartan/cartan.hpp
     CONTENT "#pragma once\n/// All of Cartan. Programs that compile often include what they use.\n\n@headers@\n" @ONLY)
target_include_directories(cartan INTERFACE $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/include>)
