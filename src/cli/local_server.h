#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace sinkscope {

// Serves one page on this machine only, until `stop` says so.
//
// The page answers GET and HEAD of "/" to requests that name 127.0.0.1 or localhost as their host, so that no web site
// can reach it under a name of its own.
//
// port   0 lets the system choose one
// ready  is called once with the page's address
// stop   is asked several times a second
// throws Error{kOutput} if the port cannot be had
void serve_page(std::string_view page, int port, const std::function<void(const std::string& address)>& ready,
                const std::function<bool()>& stop);

}  // namespace sinkscope
