/* A child process runs scikit-learn or PyTorch. It runs a case for each line that it reads,
 * measures its time, and answers with seconds. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rivals.h"

enum { MAX_ARGUMENTS = 32 };

/* The beginning of each script. Arguments are numbers: n, and two for each case. */
#define BEGIN                                                                                      \
    "import os, sys, time\n"                                                                       \
    "clock = time.perf_counter\n"                                                                  \
    "try:\n"                                                                                       \
    "    import numpy, sklearn\n"                                                                  \
    "    from sklearn.kernel_approximation import RBFSampler\n"                                    \
    "    from sklearn.linear_model import Ridge\n"                                                 \
    "    from threadpoolctl import threadpool_info\n"                                              \
    "except ImportError as error:\n"                                                               \
    "    sys.exit(f'scikit-learn is not measured: {error}')\n"                                     \
    "n, *shapes = map(int, sys.argv[1:])\n"                                                        \
    "rng = numpy.random.default_rng(0)\n"                                                          \
    "cases = []\n"                                                                                 \
    "for d, m in zip(shapes[::2], shapes[1::2]):\n"                                                \
    "    X = rng.random((n, d), dtype=numpy.float32) - numpy.float32(0.5)\n"

/* The end of each script: it prints its versions, and runs a case for each line that it reads. */
#define END                                                                                        \
    "blas = [f\"{b['internal_api']} {b.get('architecture')} with {b['num_threads']} thread(s)\"\n" \
    "        for b in threadpool_info() if b['user_api'] == 'blas']\n"                             \
    "print(f'scikit-learn {sklearn.__version__}, numpy {numpy.__version__}, {dtype},',\n"          \
    "      *blas, flush=True)\n"                                                                   \
    "for line in sys.stdin:\n"                                                                     \
    "    run, *arguments = cases[int(line)]\n"                                                     \
    "    start = clock()\n"                                                                        \
    "    result = run(*arguments)\n"                                                               \
    "    print(clock() - start, flush=True)\n"                                                     \
    "    del result\n"

static const char *const rbfsampler_script =
    BEGIN "    sampler = RBFSampler(gamma=0.5, n_components=m, random_state=0).fit(X)\n"
          "    dtype = sampler.transform(X[:16]).dtype\n"
          "    if dtype != numpy.float32:\n"
          "        sys.exit(f'RBFSampler is not measured: it computes in {dtype}')\n"
          "    cases.append((sampler.transform, X))\n"
          "if os.environ['OPENBLAS_NUM_THREADS'] == '1':\n"
          "    clock = time.thread_time\n" END;

/* Relu features of uniform numbers. The copy that Ridge makes of its data counts in its time. */
static const char *const ridge_script =
    BEGIN "    X = numpy.maximum(X, 0).astype(numpy.float64)\n"
          "    dtype = X.dtype\n"
          "    Y = X[:, :m] - X[:, m:2 * m]\n"
          "    cases.append((Ridge(alpha=1.0, solver='cholesky').fit, X, Y))\n" END;

/* Steps of Adam on a layer of 768 inputs: dense if m = 0, else an SNNK layer of m relu features,
 * all of whose numbers learn. Outputs' gradients are given; those of the inputs are computed. */
static const char *const torch_script =
    "import sys, time\n"
    "try:\n"
    "    import torch\n"
    "except ImportError as error:\n"
    "    sys.exit(f'PyTorch is not measured: {error}')\n"
    "n, threads, *shapes = map(int, sys.argv[1:])\n"
    "torch.set_num_threads(threads)\n"
    "clock = time.thread_time if threads == 1 else time.perf_counter\n"
    "X = (torch.rand(n, 768) - 0.5).requires_grad_(True)\n"
    "cases = []\n"
    "for m, l in zip(shapes[::2], shapes[1::2]):\n"
    "    relu = torch.nn.ReLU()\n"
    "    layer = torch.nn.Sequential(torch.nn.Linear(768, l), relu) if m == 0 else \\\n"
    "        torch.nn.Sequential(torch.nn.Linear(768, m), relu, torch.nn.Linear(m, l))\n"
    "    cases.append((layer, torch.optim.Adam(layer.parameters()), torch.rand(n, l) - 0.5))\n"
    "print(f'PyTorch {torch.__version__}, {threads} thread(s)', flush=True)\n"
    "for line in sys.stdin:\n"
    "    layer, adam, dY = cases[int(line)]\n"
    "    X.grad = None\n"
    "    adam.zero_grad(set_to_none=False)\n"
    "    start = clock()\n"
    "    layer(X).backward(dY)\n"
    "    adam.step()\n"
    "    print(clock() - start, flush=True)\n";

/* Arguments: d, threads, and for each case n, l. */
static const char *const torch_dense_script =
    "import sys, time\n"
    "try:\n"
    "    import torch\n"
    "except ImportError as error:\n"
    "    sys.exit(f'PyTorch is not measured: {error}')\n"
    "d, threads, *shapes = map(int, sys.argv[1:])\n"
    "torch.set_num_threads(threads)\n"
    "torch.set_grad_enabled(False)\n"
    "clock = time.thread_time if threads == 1 else time.perf_counter\n"
    "cases = []\n"
    "for n, l in zip(shapes[::2], shapes[1::2]):\n"
    "    layer = torch.nn.Sequential(torch.nn.Linear(d, l), torch.nn.ReLU(inplace=True)).eval()\n"
    "    cases.append((layer, torch.rand(n, d) - 0.5))\n"
    "print(f'PyTorch {torch.__version__}, {threads} thread(s)', flush=True)\n"
    "for line in sys.stdin:\n"
    "    layer, X = cases[int(line)]\n"
    "    layer(X)\n"
    "    calls, start = 0, clock()\n"
    "    while clock() - start < 2e-4:\n"
    "        layer(X)\n"
    "        calls += 1\n"
    "    print((clock() - start) / calls, flush=True)\n";

struct python {
    pid_t process;
    FILE *to, *from;
    char about[256];
};

/* In the child process: become Python, or exit with a message on stderr. */
static void become_python(const char *script, const char *coretype, int threads, size_t n,
                          size_t cases, const size_t (*shapes)[2]) {
    char numbers[MAX_ARGUMENTS][24],
        *arguments[MAX_ARGUMENTS + 4] = {"python3", "-c", (char *)script};
    char thread_count[24];
    size_t count = 0;

    snprintf(thread_count, sizeof thread_count, "%d", threads);
    setenv("OPENBLAS_NUM_THREADS", thread_count, 1);
    if (coretype)
        setenv("OPENBLAS_CORETYPE", coretype, 1);
    else
        unsetenv("OPENBLAS_CORETYPE");
    snprintf(numbers[count++], sizeof *numbers, "%zu", n);
    if (script == torch_script || script == torch_dense_script)
        snprintf(numbers[count++], sizeof *numbers, "%d", threads);
    for (size_t k = 0; k < cases && count + 2 <= MAX_ARGUMENTS; k++) {
        snprintf(numbers[count++], sizeof *numbers, "%zu", shapes[k][0]);
        snprintf(numbers[count++], sizeof *numbers, "%zu", shapes[k][1]);
    }
    for (size_t k = 0; k < count; k++) arguments[3 + k] = numbers[k];
    execv("/usr/bin/python3", arguments);
    perror("nothing is compared with: /usr/bin/python3");
    _exit(1);
}

static python *start(const char *script, const char *coretype, int threads, size_t n, size_t cases,
                     const size_t (*shapes)[2]) {
    python *child = calloc(1, sizeof *child);
    int in[2], out[2];

    if (!child || pipe(in) != 0 || pipe(out) != 0) {
        perror("cannot start python3");
        exit(1);
    }
    signal(SIGPIPE, SIG_IGN); /* a dead child is noticed when it does not answer */
    fcntl(in[1], F_SETFD, FD_CLOEXEC), fcntl(out[0], F_SETFD, FD_CLOEXEC); /* not inherited */
    child->process = fork();
    if (child->process == 0) {
        dup2(in[0], STDIN_FILENO), dup2(out[1], STDOUT_FILENO);
        close(in[0]), close(out[1]);
        become_python(script, coretype, threads, n, cases, shapes);
    }
    close(in[0]), close(out[1]);
    child->to = fdopen(in[1], "w"), child->from = fdopen(out[0], "r");
    if (child->process > 0 && child->to && child->from &&
        fgets(child->about, sizeof child->about, child->from)) {
        child->about[strcspn(child->about, "\n")] = '\0';
        return child;
    }
    python_stop(child);
    return NULL;
}

python *sklearn_rbfsampler(const char *coretype, int threads, size_t n, size_t cases,
                           const size_t (*shapes)[2]) {
    return start(rbfsampler_script, coretype, threads, n, cases, shapes);
}

python *sklearn_ridge(const char *coretype, int threads, size_t n, size_t cases,
                      const size_t (*shapes)[2]) {
    return start(ridge_script, coretype, threads, n, cases, shapes);
}

python *torch_steps(const char *coretype, int threads, size_t n, size_t cases,
                    const size_t (*shapes)[2]) {
    return start(torch_script, coretype, threads, n, cases, shapes);
}

python *torch_dense(const char *coretype, int threads, size_t d, size_t l, size_t cases,
                    const size_t *n) {
    size_t shapes[MAX_ARGUMENTS / 2][2];

    if (cases > MAX_ARGUMENTS / 2) cases = MAX_ARGUMENTS / 2;
    for (size_t k = 0; k < cases; k++) shapes[k][0] = n[k], shapes[k][1] = l;
    return start(torch_dense_script, coretype, threads, d, cases, (const size_t(*)[2])shapes);
}

double python_run(python *child, size_t k) {
    double seconds;

    fprintf(child->to, "%zu\n", k);
    fflush(child->to);
    if (fscanf(child->from, "%lf", &seconds) == 1) return seconds;
    fprintf(stderr, "python3 has stopped unexpectedly\n");
    exit(1);
}

const char *python_about(const python *child) { return child->about; }

void python_stop(python *child) {
    if (!child) return;
    if (child->to) fclose(child->to); /* ends the child's loop */
    if (child->from) fclose(child->from);
    if (child->process > 0) waitpid(child->process, NULL, 0);
    free(child);
}
