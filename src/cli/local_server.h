#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace sinkscope {

// Serves one page on this machine only, until `stop` says so.
//
// The page answers GET and HEAD of a path that is drawn at random, so that no other user of this machine finds it, to
// requests that name 127.0.0.1 or localhost as their host, so that no web site can reach it under a name of its own. Up
// to 64 clients are served side by side.
//
// port      0 lets the system choose one
// ready     is called once with the page's address
// stop      is asked several times a second
// patience  with a client, from its first byte to the last of the page
// throws    Error{kOutput} if the port cannot be had
void serve_page(std::string_view page, int port, const std::function<void(const std::string& address)>& ready,
                const std::function<bool()>& stop, std::chrono::milliseconds patience = std::chrono::seconds(30));

}  // namespace sinkscope
