// Boost.Asio, as this room includes it: Debian 12's 1.74 uses std::exchange without including
// <utility> (fixed in 1.75).
#pragma once

#include <utility>

#include <boost/asio.hpp>  // NOLINT: after <utility>, see above
