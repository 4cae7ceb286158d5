# What the build needs from the system. All that is missing is said at once, with the package that has it.

set(missing_lines "")
set(missing_debian "")
set(missing_fedora "")
macro(need found name debian fedora)
    if(NOT "${found}")
        list(APPEND missing_lines "  no ${name}: ${debian} has it (Fedora: ${fedora})")
        list(APPEND missing_debian ${debian})
        list(APPEND missing_fedora ${fedora})
    endif()
endmacro()

find_package(Threads REQUIRED) # of the C library
find_package(PkgConfig QUIET)
need("${PKG_CONFIG_FOUND}" "pkg-config, so most libraries are not found" pkg-config pkgconf-pkg-config)

# variable:module:package of Debian and Ubuntu:package of Fedora
set(modules UV:libuv:libuv1-dev:libuv-devel
    SQLITE:sqlite3:libsqlite3-dev:sqlite-devel
    YAML:yaml-0.1:libyaml-dev:libyaml-devel
    JANSSON:jansson:libjansson-dev:jansson-devel
    NLOPT:nlopt:libnlopt-dev:NLopt-devel
    GNUTLS:gnutls:libgnutls28-dev:gnutls-devel
    MICROHTTPD:libmicrohttpd:libmicrohttpd-dev:libmicrohttpd-devel
    CURL:libcurl:libcurl4-gnutls-dev:libcurl-devel
    RE2:re2:libre2-dev:re2-devel
    ZLIB:zlib:zlib1g-dev:zlib-devel
    QRENCODE:libqrencode:libqrencode-dev:qrencode-devel)
if(BUILD_TESTING)
    list(APPEND modules CMOCKA:cmocka:libcmocka-dev:libcmocka-devel)
endif()
foreach(row ${modules})
    string(REPLACE ":" ";" row ${row})
    list(GET row 0 variable)
    list(GET row 1 module)
    list(GET row 2 debian)
    list(GET row 3 fedora)
    pkg_check_modules(${variable} QUIET IMPORTED_TARGET ${module})
    need("${${variable}_FOUND}" ${module} ${debian} ${fedora})
    list(APPEND versions "${module} ${${variable}_VERSION}")
endforeach()

set(BLA_VENDOR OpenBLAS)
find_package(BLAS QUIET)
need("${BLAS_FOUND}" openblas libopenblas-dev openblas-devel)
set(GSL_CBLAS_LIBRARY ${BLAS_LIBRARIES}) # OpenBLAS, ten times GSL's own
find_package(GSL QUIET)
need("${GSL_FOUND}" gsl libgsl-dev gsl-devel)
execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=libc.a OUTPUT_VARIABLE static_libc OUTPUT_STRIP_TRAILING_WHITESPACE)
if(EXISTS "${static_libc}")
    set(static_libc_found TRUE)
endif()
need("${static_libc_found}" "libc.a (nocturne-guard is static)" libc6-dev glibc-static)
if(PAGE)
    find_program(NODE NAMES node nodejs)
    find_program(NPM npm)
    foreach(program NODE NPM)
        if(${program})
            set(${program}_FOUND TRUE)
        endif()
    endforeach()
    need("${NODE_FOUND}" "node (for the web page, which -DPAGE=off leaves out)" nodejs nodejs)
    need("${NPM_FOUND}" "npm (for the web page, which -DPAGE=off leaves out)" npm nodejs-npm)
endif()
if(BUILD_TESTING)
    find_package(Python3 QUIET COMPONENTS Interpreter)
    need("${Python3_FOUND}" "python3 (the tests)" python3 python3)
endif()


# What a sanitizer runs with comes with gcc on Debian; elsewhere, and for clang, it is a package of its own.
include(CheckCSourceCompiles)
function(try_sanitizer variable flag source)
    set(CMAKE_REQUIRED_FLAGS ${flag})
    set(CMAKE_REQUIRED_LINK_OPTIONS ${flag})
    set(CMAKE_REQUIRED_QUIET TRUE)
    unset(${variable} CACHE) # looked for anew each time
    check_c_source_compiles("${source}" ${variable})
endfunction()
if(NOCTURNE_SANITIZE)
    try_sanitizer(SANITIZERS_WORK -fsanitize=address,undefined "int main(void) { return 0; }")
    if(CMAKE_C_COMPILER_ID MATCHES Clang)
        need("${SANITIZERS_WORK}" "ASan and UBSan for clang" libclang-rt-dev compiler-rt)
    else()
        need("${SANITIZERS_WORK}" "ASan and UBSan for gcc" gcc "libasan libubsan")
    endif()
endif()
if(NOCTURNE_FUZZ)
    try_sanitizer(FUZZER_WORKS -fsanitize=fuzzer
        "int LLVMFuzzerTestOneInput(const char *data, unsigned long n) { (void)data; return (int)(n & 0); }")
    need("${FUZZER_WORKS}" "libFuzzer for clang" libclang-rt-dev compiler-rt)
endif()

if(missing_lines)
    list(JOIN missing_lines "\n" missing_lines)
    list(REMOVE_DUPLICATES missing_debian)
    list(REMOVE_DUPLICATES missing_fedora)
    list(JOIN missing_debian " " missing_debian)
    list(JOIN missing_fedora " " missing_fedora)
    message(FATAL_ERROR "${missing_lines}\n"
        "  Debian and Ubuntu: apt-get install ${missing_debian}\n  Fedora: dnf install ${missing_fedora}")
endif()
list(JOIN versions ", " versions)
message(STATUS "Found ${versions}, gsl ${GSL_VERSION}, openblas in ${BLAS_LIBRARIES}")

pkg_check_modules(SYSTEMD QUIET IMPORTED_TARGET libsystemd)
if(NOT SYSTEMD_FOUND)
    message(STATUS "no libsystemd: built without sd_notify; libsystemd-dev has it (Fedora: systemd-devel)")
endif()
