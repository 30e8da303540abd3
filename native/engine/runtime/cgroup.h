// Where the limits of a container are written.
#pragma once

#include <functional>
#include <optional>
#include <string>

namespace sluice {

// This process' path in a v1 controller's hierarchy, or in the v2 hierarchy for "".
std::string cgroupPath(const std::string& controller);

// The least of what `read` finds on the way from the process' group to the mount's root: a
// container may see its own group as the root, so each level that exists is looked at.
std::optional<double> tightestCgroup(
    const std::string& mount, std::string path,
    const std::function<std::optional<double>(const std::string& folder)>& read);

}  // namespace sluice
