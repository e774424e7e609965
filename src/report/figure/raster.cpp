#include "report/figure/raster.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>

#include "base/error.h"

namespace sinkscope {
namespace {

// What is called of librsvg, cairo and GObject, as their headers declare it.
struct Rectangle {
  double x, y, width, height;
};
constexpr int kArgb32 = 0;  // CAIRO_FORMAT_ARGB32
using WriteFunction = int (*)(void* closure, const unsigned char* data, unsigned int length);

struct Libraries {
  void* (*rsvg_handle_new_from_data)(const std::uint8_t* data, std::size_t length, void** error) = nullptr;
  int (*rsvg_handle_get_intrinsic_size_in_pixels)(void* handle, double* width, double* height) = nullptr;
  int (*rsvg_handle_render_document)(void* handle, void* cairo, const Rectangle* viewport, void** error) = nullptr;
  void (*g_object_unref)(void* object) = nullptr;
  void* (*cairo_image_surface_create)(int format, int width, int height) = nullptr;
  void* (*cairo_create)(void* surface) = nullptr;
  int (*cairo_status)(void* cairo) = nullptr;
  int (*cairo_surface_write_to_png_stream)(void* surface, WriteFunction write, void* closure) = nullptr;
  void (*cairo_destroy)(void* cairo) = nullptr;
  void (*cairo_surface_destroy)(void* surface) = nullptr;
};

// The names of a library, of which the first that is there is taken: Linux, macOS.
void* open_any(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

template <typename Function>
bool find(void* library, const char* name, Function& function) {
  function = library == nullptr ? nullptr : reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

// They stay loaded until the program ends: GLib cannot be unloaded.
const Libraries& libraries() {
  static const std::unique_ptr<const Libraries> found = [] {
    void* rsvg = open_any({"librsvg-2.so.2", "librsvg-2.2.dylib"});
    void* cairo = open_any({"libcairo.so.2", "libcairo.2.dylib"});
    void* gobject = open_any({"libgobject-2.0.so.0", "libgobject-2.0.0.dylib"});
    auto all = std::make_unique<Libraries>();
    const bool complete = find(rsvg, "rsvg_handle_new_from_data", all->rsvg_handle_new_from_data) &&
                          find(rsvg, "rsvg_handle_get_intrinsic_size_in_pixels",
                               all->rsvg_handle_get_intrinsic_size_in_pixels) &&
                          find(rsvg, "rsvg_handle_render_document", all->rsvg_handle_render_document) &&
                          find(gobject, "g_object_unref", all->g_object_unref) &&
                          find(cairo, "cairo_image_surface_create", all->cairo_image_surface_create) &&
                          find(cairo, "cairo_create", all->cairo_create) &&
                          find(cairo, "cairo_status", all->cairo_status) &&
                          find(cairo, "cairo_surface_write_to_png_stream", all->cairo_surface_write_to_png_stream) &&
                          find(cairo, "cairo_destroy", all->cairo_destroy) &&
                          find(cairo, "cairo_surface_destroy", all->cairo_surface_destroy);
    return complete ? std::move(all) : nullptr;
  }();
  if (!found) {
    throw Error(ErrorCode::kUsage,
                "a PNG: expected librsvg 2.52 or newer on this machine, which turns drawings into pixels, got none; write an "
                "SVG (-o NAME.svg), or install it (Debian: librsvg2-2, macOS: brew install librsvg)");
  }
  return *found;
}

using Owned = std::unique_ptr<void, void (*)(void*)>;

int append(void* closure, const unsigned char* data, unsigned int length) {
  static_cast<std::string*>(closure)->append(reinterpret_cast<const char*>(data), length);
  return 0;  // CAIRO_STATUS_SUCCESS
}

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>((value >> shift) & 0xFFU));
  return bytes;
}

// A chunk of a PNG file that says who made it.
std::string software_chunk() {
  using namespace std::string_literals;
  const std::string body = "tEXtSoftware\0sinkscope"s;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(body.size() - 4)) + body + big_endian(static_cast<std::uint32_t>(crc));
}

constexpr std::size_t kHeadBytes = 8 + 25;  // signature and IHDR
constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";

}  // namespace

std::string png_of_svg(const std::string& svg, double scale) {
  const Libraries& all = libraries();
  const auto fail = [](const char* what) {
    return Error(ErrorCode::kOutput, fmt::format("a PNG: {} failed; try an SVG (-o NAME.svg)", what));
  };
  const Owned handle(
      all.rsvg_handle_new_from_data(reinterpret_cast<const std::uint8_t*>(svg.data()), svg.size(), nullptr),
      all.g_object_unref);
  double width = 0, height = 0;
  if (!handle || all.rsvg_handle_get_intrinsic_size_in_pixels(handle.get(), &width, &height) == 0) {
    throw fail("reading the drawing");
  }
  const int columns = static_cast<int>(std::lround(width * scale)), rows = static_cast<int>(std::lround(height * scale));
  const Owned surface(all.cairo_image_surface_create(kArgb32, columns, rows), all.cairo_surface_destroy);
  const Owned cairo(all.cairo_create(surface.get()), all.cairo_destroy);
  if (all.cairo_status(cairo.get()) != 0) throw fail("making room for the pixels");
  const Rectangle whole{0, 0, static_cast<double>(columns), static_cast<double>(rows)};
  if (all.rsvg_handle_render_document(handle.get(), cairo.get(), &whole, nullptr) == 0) throw fail("drawing");
  std::string png;
  if (all.cairo_surface_write_to_png_stream(surface.get(), append, &png) != 0) throw fail("writing it");
  return png.insert(kHeadBytes, software_chunk());
}

bool is_png_of_svg(std::string_view head) {
  return head.starts_with(kSignature) && head.size() > kHeadBytes && head.substr(kHeadBytes).starts_with(software_chunk());
}

}  // namespace sinkscope
