# cmake -DSCRIPT=a.js -DSTYLE=a.css -DOUTPUT=bundle.cpp -P embed.cmake
#
# Writes the page's script and style sheet as bytes of a C++ source.
function(bytes_of file out)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "'\\\\x\\1'," bytes "${hex}")
  string(REGEX REPLACE "((.......){16})" "\\1\n" bytes "${bytes}")
  set(${out} "${bytes}" PARENT_SCOPE)
endfunction()
bytes_of(${SCRIPT} script)
bytes_of(${STYLE} style)
file(WRITE ${OUTPUT} "#include \"report/page/bundle.h\"

namespace sinkscope {
namespace {
constexpr char kScript[] = {
${script}};
constexpr char kStyle[] = {
${style}};
}  // namespace
std::string_view bundle_script() { return {kScript, sizeof(kScript)}; }
std::string_view bundle_style() { return {kStyle, sizeof(kStyle)}; }
}  // namespace sinkscope
")
