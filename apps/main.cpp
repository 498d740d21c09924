// The command `cartan`: one verb a file, see verbs.hpp.

#include <cartan/core/config.hpp>
#include <cartan/core/error.hpp>
#include <cartan/core/printable.hpp>

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <new>

#include "app.hpp"
#include "config_flags.hpp"
#include "verbs.hpp"

namespace {

using namespace cartan;
using namespace cartan::app;

extern "C" void on_signal(int) {
  context().stop = true;
}

void catch_signals() {
  context();  // made here, not in the handler
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one has its usual effect
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// Threads that wait for the next loop should spin for a moment only: the default of libgomp, milliseconds,
// and that of clang's libomp, 200 of them, make programs that share the cores wait for each other. Both read
// this when they are loaded, hence the new start.
void limit_spinning(char** argv) {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT") || std::getenv("KMP_BLOCKTIME")) return;
  setenv("GOMP_SPINCOUNT", "300", 1);
  setenv("KMP_BLOCKTIME", "1", 1);
  execv("/proc/self/exe", argv);  // on failure: as it was
}

std::string version() {
  return "cartan " CARTAN_VERSION "\ncompiler  " CARTAN_COMPILER " (" CARTAN_BUILD_TYPE ", " CARTAN_ARCH
         ")\nlibraries " CARTAN_LIBRARIES "\nCUDA      " CARTAN_CUDA;
}

int complain(int code, const std::string& what) {
  for (std::size_t at = 0, end; at <= what.size(); at = end + 1) {  // a message may have several lines
    end = std::min(what.find('\n', at), what.size());
    std::fprintf(stderr, "%s%s\n", at == 0 ? "cartan: " : "", printable(what.substr(at, end - at)).c_str());
  }
  return code;
}

// Group and verb are checked first, so that a misspelt one is named with the nearest.
void check_verb(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  std::string path = "cartan";
  for (int k = 1; k < argc && argv[k][0] != '-' && argv[k][0] != '\0'; ++k) {
    std::vector<std::string> names;
    const CLI::App* next = nullptr;
    for (const CLI::App* sub : at->get_subcommands({})) {
      names.push_back(sub->get_name());
      if (sub->get_name() == argv[k]) next = sub;
    }
    if (names.empty()) return;
    const std::string near = config::nearest(argv[k], names);
    require(next != nullptr, "there is no `", path, " ", argv[k], "`; ",
            near.empty() ? "`" + path + " --help` shows what there is"
                         : "perhaps `" + path + " " + near + "` is meant");
    at = next;
    path += " " + at->get_name();
  }
}

const CLI::App* chosen(const CLI::App* app) {
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

int run(int argc, char** argv) {
  CLI::App app{"Scientific computing and equivariant machine learning", "cartan"};
  app.set_version_flag("--version", version(), "Show the version, compiler and libraries");
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  app.footer(
      "`cartan GROUP VERB --help` shows the options of a verb and an example.\n"
      "Exit codes: 0 done, 1 not reached, 2 usage, 3 bad input file, 4 input/output, 5 device, 130 "
      "interrupted.");
  add_data_verbs(app);
  add_potential_verbs(app);
  add_chebyshev_verbs(app);
  add_functional_verbs(app);
  add_completion_verbs(app);
  add_operator_verbs(app);
  check_verb(app, argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError& error) {
    const CLI::App* verb = chosen(&app);
    const std::vector<std::string> extras = verb->remaining(true);
    for (const std::string& word : extras)
      if (word.size() > 1 && word[0] == '-')
        return complain(usage, ("unknown option " + word + nearest_option(verb, word)).c_str());
    return complain(usage, error.what());
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? done : usage;
  }
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw IoError("standard output", "cannot write");
  return context().exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  limit_spinning(argv);
  catch_signals();
  try {
    return run(argc, argv);
  } catch (const Interrupted&) {
    return complain(interrupted, "interrupted");
  } catch (const Stopped&) {
    return complain(interrupted, "interrupted");
  } catch (const std::invalid_argument& error) {
    return complain(usage, error.what());
  } catch (const FormatError& error) {
    return complain(bad_file, error.what());
  } catch (const IoError& error) {
    return complain(input_output, error.what());
  } catch (const std::filesystem::filesystem_error& error) {
    return complain(input_output, error.what());
  } catch (const DeviceError& error) {
    return complain(no_device, error.what());
  } catch (const std::bad_alloc&) {
    return complain(input_output, "not enough memory");
  } catch (const std::exception& error) {
    return complain(internal, error.what());
  }
}
