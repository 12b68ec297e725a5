"""Builds gdcore._core: the C kernels for every instruction set and precision, and the Cython door.

setuptools would compile a source file only once however many variants are asked for, so the kernel
files are compiled here, each variant into a folder of its own, and linked into the one extension.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).parent
PER_ISA = [
    "csrc/table.c",
    "csrc/convert.c",
    "csrc/product.c",
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "csrc/ops").glob("*.c")),
]
COMMON = [f"csrc/{name}.c" for name in ("exec", "augment", "batch", "check", "dispatch", "philox")]
HEADERS = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "csrc").rglob("*.h"))

# -ffp-contract=off: a fused multiply-add happens where the source says so, and nowhere else.
# Never -ffast-math: at link it would flush subnormals for the whole process.
FLAGS = [
    "-std=gnu11",
    "-O3",
    "-g0",  # debug information is ten times the code; GDCORE_CFLAGS=-g brings it back
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fvisibility=hidden",
    "-Wall",
    "-Wextra",
]
X86 = {
    "baseline": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": [
        "-mavx512f",
        "-mavx512dq",
        "-mavx512bw",
        "-mavx512vl",
        "-mfma",
        "-mprefer-vector-width=512",
    ],
}
# Of csrc/bf16_tiles.c alone: what it is compiled to is called only where the processor has it.
BF16 = {"avx512": ["-mavx512bf16"], "neon": ["-march=armv8.2-a+bf16"]}
TARGET = sysconfig.get_platform().rpartition("-")[2].lower()  # of a cross build, too
ISAS = {"x86_64": X86, "amd64": X86, "aarch64": {"neon": []}, "arm64": {"neon": []}}.get(TARGET)
if ISAS is None:
    sys.exit(
        f"gdcore has kernels for x86-64 and AArch64, not for {TARGET!r}; on macOS build each with "
        "ARCHFLAGS='-arch arm64' or '-arch x86_64'"
    )
# No exception passes through C: the tables by which one would find its way are a thirtieth of the wheel. What builds
# for Windows needs them, and one with GDCORE_CFLAGS=-g has tables of its own.
NO_TABLES = ["-fno-asynchronous-unwind-tables"]
LDFLAGS = os.environ.get("GDCORE_LDFLAGS", "").split()
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


class BuildCore(build_ext):
    """Compiles csrc/ per instruction set and adds the objects to the extension."""

    def build_extension(self, ext):
        extra = os.environ.get("GDCORE_CFLAGS", "").split()
        if self.compiler.compiler_type == "msvc":
            self.take_clang_cl()
        openmp, link_openmp = self.check_compiler(extra)
        told = [
            " ".join([*FLAGS, *openmp, *extra]),
            *(f"{isa}: {' '.join(own)}" for isa, own in ISAS.items() if own),
        ]
        about = '-DGD_BUILD_FLAGS="' + "; ".join(told).replace("\\", "").replace('"', "") + '"'
        jobs = [(COMMON, Path(self.build_temp) / "common", [*openmp, about])]
        for isa, isa_flags in ISAS.items():
            for bits in (32, 64):
                names = [
                    f"-DGD_ISA={isa}",
                    f"-DGD_ISA_{isa}",
                    f"-DGD_PRECISION=f{bits}",
                    f"-DGD_REAL_BITS={bits}",
                ]
                own = Path(self.build_temp) / f"{isa}_f{bits}"
                jobs.append((PER_ISA, own, names + isa_flags))
                jobs.append((["csrc/bf16_tiles.c"], own, names + isa_flags + BF16.get(isa, [])))
        files = [(source, folder, flags) for sources, folder, flags in jobs for source in sources]

        def compile_one(job):
            source, folder, flags = job
            return self.compiler.compile(
                [source],
                output_dir=str(folder),
                depends=HEADERS,
                extra_postargs=self.spelled(FLAGS) + self.no_tables() + flags + extra,
            )

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for objects in pool.map(compile_one, files):
                ext.extra_objects.extend(objects)
        ext.extra_compile_args = self.spelled(ext.extra_compile_args) + extra
        ext.extra_link_args += [*link_openmp, *LDFLAGS]
        super().build_extension(ext)

    def no_tables(self):
        """Flags that leave out unwind tables, where the system does without them."""
        return [] if self.compiler.compiler_type == "msvc" else NO_TABLES

    def spelled(self, flags):
        """Flags as the compiler takes them: clang-cl wants to be told that they are clang's."""
        if self.compiler.compiler_type == "msvc":
            return [f"/clang:{flag}" for flag in flags]
        return list(flags)

    def take_clang_cl(self):
        """The kernels are written in vectors of GNU C, which cl.exe has not and clang-cl has."""
        self.compiler.initialize()
        usual = Path(os.environ.get("PROGRAMFILES", "C:/Program Files"), "LLVM/bin/clang-cl.exe")
        found = shutil.which("clang-cl") or (str(usual) if usual.exists() else None)
        if found is None:
            sys.exit(
                "gdcore is built by clang-cl on Windows, which was not found: install LLVM "
                "(winget install LLVM.LLVM) or install a wheel: pip install --only-binary :all: "
                "gdcore"
            )
        self.compiler.cc = found

    def openmp_choices(self):
        """(flags to compile with, flags to link with), the usual ones first."""
        if self.compiler.compiler_type == "msvc":
            library = Path(self.compiler.cc).resolve().parent.parent / "lib"
            return [(["/openmp"], [f"/LIBPATH:{library}", "libomp.lib"])]
        choices = [(["-fopenmp"], ["-fopenmp"])]
        if sys.platform == "darwin":  # Apple's clang has the pragmas, not the library
            choices += [
                (["-Xpreprocessor", "-fopenmp", f"-I{p}/include"], [f"-L{p}/lib", "-lomp"])
                for p in homebrew("libomp")
            ]
        return choices

    def check_compiler(self, extra):
        """Flags for OpenMP; says in one line what is missing, before a page of errors does."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "probe.c"
            source.write_text("#include <stdlib.h>\nint main(void) { return 0; }\n")
            try:
                self.compiler.compile([str(source)], output_dir=folder)
            except Exception as error:
                sys.exit(
                    "gdcore needs a C compiler to be built from source, "
                    f"and {self.compiler_name()!r} "
                    f"did not work: {error}. Install one (Debian: apt-get install gcc; macOS: "
                    "xcode-select --install) or install a wheel: pip install --only-binary :all: "
                    "gdcore"
                )
            if os.environ.get("GDCORE_OPENMP") == "0":
                return [], []
            source.write_text(
                "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
            )
            for compile_with, link_with in self.openmp_choices():
                try:
                    objects = self.compiler.compile(
                        [str(source)], output_dir=folder, extra_postargs=[*compile_with, *extra]
                    )
                    self.compiler.link_executable(
                        objects, "probe", output_dir=folder, extra_postargs=[*link_with, *LDFLAGS]
                    )
                except Exception as error:
                    last = error
                else:
                    return compile_with, link_with
            sys.exit(
                "gdcore needs OpenMP, "
                f"and {self.compiler_name()!r} cannot build with {' '.join(compile_with)}: "
                f"{last}. Install it (Debian: apt-get install libgomp1; macOS: brew install "
                "libomp) or build for one thread with GDCORE_OPENMP=0"
            )

    def compiler_name(self):
        return (getattr(self.compiler, "compiler", None) or ["cc"])[0]


def homebrew(package):
    """Where Homebrew has put a package: a list of one folder, or of none."""
    try:
        asked = subprocess.run(
            ["brew", "--prefix", package], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    return [asked.stdout.strip()]


core = Extension(
    "gdcore._core",
    ["gdcore/_core.pyx"],
    include_dirs=["csrc"],
    depends=[
        *COMMON,
        *PER_ISA,
        "csrc/bf16_tiles.c",
        *HEADERS,
        "gdcore/_call.pxi",
        "gdcore/_random.pxi",
        "gdcore/_runner.pxi",
        "gdcore/locks.pxi",
    ],
    extra_compile_args=["-O2", "-g0", "-fvisibility=hidden"],
    define_macros=[] if FREE_THREADED else [("Py_LIMITED_API", "0x030B0000")],
    py_limited_api=not FREE_THREADED,
)

setup(
    ext_modules=cythonize([core], build_dir="build/cython"),
    cmdclass={"build_ext": BuildCore},
    options={} if FREE_THREADED else {"bdist_wheel": {"py_limited_api": "cp311"}},
)
