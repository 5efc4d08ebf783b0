"""Every public function, called once through a thin FFI: ctypes_smoke.py LIBRARY

Only what a binding has: scalars, pointers, opaque handles. Fails if a function of
tests/abi/symbols.txt was not called.
"""

import ctypes
import os
import struct
import sys
import tempfile
from ctypes import byref, c_char_p, c_double, c_float, c_int32, c_size_t, c_uint64, c_void_p

library = ctypes.CDLL(sys.argv[1])
here = os.path.dirname(os.path.abspath(__file__))
symbols = set(open(os.path.join(here, "..", "abi", "symbols.txt")).read().split())
called = set()
checks = 0

TEXT = {"snnk_pool_name", "snnk_boost_rows_name", "snnk_fill_name", "snnk_filters_name", "snnk_loss_name", "snnk_uncertainty_kind_name", "snnk_encoding_name", "snnk_missing_name", "snnk_number_form_name", "snnk_encoder_column_name",
        "snnk_center_name", "snnk_metric_name", "snnk_scaling_mode_name", "snnk_urf_form_name", "snnk_urf_atoms_name",
        "snnk_urf_affine_name", "snnk_precision_name", "snnk_factorization_name", "snnk_solve_method_name", "snnk_strerror", "snnk_status_name", "snnk_last_error", "snnk_version", "snnk_build_info", "snnk_kernels_name",
        "snnk_activation_name", "snnk_storage_name", "snnk_layer_kind_name", "snnk_residual_form_name", "snnk_save_projection_name",
        "snnk_map_kind_name", "snnk_projection_name",
        "snnk_network_note", "snnk_network_note_key", "snnk_table_column_name", "snnk_table_word",
        "snnk_column_type_name", "snnk_encoder_column_word", "snnk_table_header_name", "snnk_table_type",
        "snnk_tensors_name", "snnk_tensors_type", "snnk_tensors_text", "snnk_tensors_text_key", "snnk_spectrum_method_name",
        "snnk_spectrum_affine_name", "snnk_distill_tier_name", "snnk_distill_method_name", "snnk_compress_outcome_name", "snnk_map_kind_name",
        "snnk_projection_name", "snnk_layer_part_name", "snnk_optimizer_name", "snnk_schedule_name", "snnk_train_solve_name"}
SIZE = {"snnk_trainer_epochs", "snnk_choice_candidates", "snnk_encoder_column_words", "snnk_uncertainty_outputs", "snnk_encoder_outputs", "snnk_encoder_columns", "snnk_encoder_column_outputs",
        "snnk_frame_inputs", "snnk_frame_directions", "snnk_map_block_row_count", "snnk_scaling_inputs", "snnk_workspace_threads", "snnk_map_inputs", "snnk_map_features", "snnk_minirocket_features", "snnk_map_blocks",
        "snnk_lstsq_features", "snnk_lstsq_targets", "snnk_ridge_path_features", "snnk_ridge_path_targets",
        "snnk_ridge_path_rank", "snnk_rls_features", "snnk_rls_targets", "snnk_layer_inputs", "snnk_layer_outputs",
        "snnk_layer_features", "snnk_layer_inner_count", "snnk_layer_nodes", "snnk_layer_depth", "snnk_network_layers", "snnk_network_inputs", "snnk_network_outputs",
        "snnk_network_scratch_bytes", "snnk_network_scratch_bytes_bf16", "snnk_network_scratch_bytes_f64", "snnk_network_notes", "snnk_spectrum_atoms", "snnk_table_rows", "snnk_table_columns",
        "snnk_table_words", "snnk_table_missing", "snnk_table_first_word_row", "snnk_table_comment_lines", "snnk_table_dims", "snnk_table_dim", "snnk_tensors_count", "snnk_tensors_texts", "snnk_compression_parts", "snnk_fit_inputs",
        "snnk_fit_outputs", "snnk_fit_features", "snnk_leaves_inputs", "snnk_leaves_outputs", "snnk_leaves_features", "snnk_leaves_count", "snnk_leaves_depth", "snnk_distill_inputs", "snnk_distill_outputs",
        "snnk_distill_candidates", "snnk_distill_rows"}
I32 = {"snnk_encoder_column_has_gaps", "snnk_encoder_missing", "snnk_uncertainty_get_kind", "snnk_encoder_column_encoding", "snnk_encoder_column_form", "snnk_encoder_likely_index",
       "snnk_table_column_type", "snnk_table_separator", "snnk_table_decimal", "snnk_table_has_header", "snnk_scaling_get_mode", "snnk_lstsq_factorization", "snnk_lstsq_precision", "snnk_layer_storage", "snnk_layer_get_kind", "snnk_layer_activation", "snnk_layer_residual_form"}
U64 = {"snnk_trainer_parameters", "snnk_uncertainty_rows", "snnk_scaling_rows", "snnk_ridge_path_rows", "snnk_fit_rows", "snnk_fit_heldout_rows", "snnk_leaves_rows", "snnk_leaves_leaf_rows",
       "snnk_lstsq_rows", "snnk_rls_rows", "snnk_layer_weight_bytes", "snnk_layer_parameters", "snnk_layer_multiply_adds",
       "snnk_network_parameters", "snnk_network_multiply_adds", "snnk_network_weight_bytes"}
F64 = {"snnk_trainer_gradient_length", "snnk_layer_gain", "snnk_encoder_column_fill", "snnk_uncertainty_slope", "snnk_uncertainty_bias", "snnk_rls_ridge", "snnk_rls_forgetting", "snnk_lstsq_weight", "snnk_spectrum_l1", "snnk_spectrum_error", "snnk_activation_analyticity_halfwidth"}
POINTER = {"snnk_uncertainty_retain", "snnk_network_uncertainty", "snnk_encoder_retain", "snnk_network_encoder", "snnk_map_retain", "snnk_layer_map", "snnk_compression_small", "snnk_layer_inner", "snnk_layer_retain", "snnk_network_layer", "snnk_network_statistics"}


def call(name, *arguments):
    """Call a function; one that returns a status must succeed."""
    global checks
    function = getattr(library, name)
    plain = name in TEXT | SIZE | I32 | U64 | F64 | POINTER or name.endswith("_free")
    function.restype = (c_char_p if name in TEXT else c_size_t if name in SIZE
                        else c_uint64 if name in U64 else c_double if name in F64 else c_void_p if name in POINTER
                        else None if name.endswith("_free") else ctypes.c_int)
    result = function(*arguments)
    if not plain and result != 0:
        library.snnk_last_error.restype = c_char_p
        sys.exit("%s: %d, %s" % (name, result, library.snnk_last_error().decode()))
    called.add(name)
    checks += 1
    return result


def handle(name, *arguments):
    """Call a creator, whose last argument receives the handle."""
    made = c_void_p()
    call(name, *arguments, byref(made))
    return made


def floats(*values):
    return (c_float * len(values))(*values)


size = c_size_t


class Config(ctypes.Structure):
    """A config struct known only by its size: bindings may define its fields, or just pass it on."""
    _fields_ = [("size", c_size_t), ("rest", ctypes.c_char * 256)]


def config(name, known_size):
    c = Config()
    call(name, byref(c), size(known_size))
    assert c.size == known_size
    return c


def report(known_size):
    """A struct that the library fills; the caller sets its size."""
    c = Config()
    c.size = known_size
    return c


class Rows(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("n", c_size_t), ("inputs", c_size_t), ("outputs", c_size_t),
                ("X", c_void_p), ("X_f64", c_void_p), ("ldx", c_size_t),
                ("Y", c_void_p), ("Y_f64", c_void_p), ("ldy", c_size_t),
                ("labels", c_void_p), ("weights", c_void_p)]


class GroupedRows(ctypes.Structure):
    """The same of a later version, which has groups."""
    _fields_ = Rows._fields_ + [("groups", c_void_p)]


def data(n, **arrays):
    """Rows of packed arrays."""
    rows = GroupedRows() if "groups" in arrays else Rows()
    call("snnk_rows_init", byref(rows), size(ctypes.sizeof(rows)))
    rows.n = n
    rows.kept = arrays
    for name, array in arrays.items():
        setattr(rows, name, array if isinstance(array, int) else ctypes.cast(array, c_void_p).value)
    return byref(rows)


def reloaded(noun, made, *projection):
    """The object through memory and through a file: the handles of both copies."""
    count = c_size_t()
    call("snnk_%s_saved_bytes" % noun, made, *projection, byref(count))
    buffer = ctypes.create_string_buffer(count.value)
    call("snnk_%s_save_memory" % noun, made, *projection, buffer, count)
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, noun)
        call("snnk_%s_save" % noun, made, path.encode(), *projection)
        assert open(path, "rb").read() == buffer.raw
        return [handle("snnk_%s_load_memory" % noun, buffer, count, None),
                handle("snnk_%s_load" % noun, path.encode(), None)]


map_config = config("snnk_map_config_init", 72)
solve_config = config("snnk_solve_config_init", 32)
solve_report = report(56)
fit_config = config("snnk_fit_config_init", 56)
fit_report = report(72)
distill_config = config("snnk_distill_config_init", 88)
distill_report = report(160)

for name in ("snnk_last_error", "snnk_version", "snnk_build_info", "snnk_kernels_name"):
    assert call(name)
assert call("snnk_strerror", -1)
assert call("snnk_status_name", -3) == b"SNNK_E_RANGE" and call("snnk_status_name", 1) is None
assert call("snnk_activation_name", c_int32(2)) == b"relu"
activation = c_int32()
call("snnk_activation_from_name", b"relu", byref(activation))
z, y = floats(-1, 2), floats(0, 0)
call("snnk_activation_eval", activation, size(2), z, y)
assert list(y) == [0, 2]
call("snnk_activation_derivative", activation, size(2), z, y)
assert list(y) == [0, 1]

workspace = handle("snnk_workspace_create", size(2), None)
assert call("snnk_workspace_threads", workspace) == 2
call("snnk_workspace_reserve", workspace, size(4096))
progress_type = ctypes.CFUNCTYPE(ctypes.c_int, c_void_p, c_double)
shares = []
show_share = progress_type(lambda user, share: shares.append(share) or 0)
call("snnk_workspace_set_progress", workspace, show_share, None)

X = floats(*[((7 * i) % 11) / 5 - 1 for i in range(40)])  # 20 x 2
Y = floats(*[X[2 * i] - X[2 * i + 1] for i in range(20)])
labels = (c_int32 * 20)(*[int(v > 0) for v in Y])


class AugmentShape(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("height", c_uint64), ("width", c_uint64)]


augment_config = config("snnk_augment_config_init", 128)
shape = ctypes.cast(byref(augment_config), ctypes.POINTER(AugmentShape)).contents
shape.height, shape.width = 4, 5
changed = (c_float * 40)()
call("snnk_augment_rows", byref(augment_config), size(2), X, size(20), c_uint64(0), changed, size(20), None)
assert list(changed) == list(X)
call("snnk_augment_get_draw", byref(augment_config), c_uint64(0), byref(report(48)))
assert call("snnk_fill_name", c_int32(1)) == b"constant"
scaling = handle("snnk_scaling_create", size(2), c_int32(1), None)
call("snnk_scaling_add", scaling, data(20, X=X))
mean, scale = (c_double * 2)(), (c_double * 2)()
call("snnk_scaling_get", scaling, mean, scale)
assert call("snnk_scaling_inputs", scaling) == 2 and call("snnk_scaling_rows", scaling) == 20
assert call("snnk_scaling_mode_name", c_int32(call("snnk_scaling_get_mode", scaling))) == b"common"
for copy in reloaded("scaling", scaling):
    assert call("snnk_scaling_rows", copy) == 20
    call("snnk_scaling_free", copy)
given = handle("snnk_scaling_create_given", size(2), mean, scale, None)

drawn = handle("snnk_map_create", size(2), None, scaling)
rows = handle("snnk_map_create_from_rows", size(2), size(1), floats(1, 2), size(2), None, None, given)
both = c_void_p()
call("snnk_map_concat", size(2), (c_void_p * 2)(drawn, rows), byref(both))
assert call("snnk_map_retain", both) == both.value
call("snnk_map_free", both)
m = call("snnk_map_features", both)
assert call("snnk_map_block_row_count", both, size(1)) == 1
assert m == 1025 and call("snnk_map_inputs", both) == 2 and call("snnk_map_blocks", both) == 2
call("snnk_map_block_config", both, size(0), byref(map_config))
G, c = (c_float * 2048)(), (c_float * 1024)()
call("snnk_map_block_rows", both, size(0), G, size(2), c)
Phi, Psi = (c_float * (20 * m))(), (c_float * (20 * m))()
call("snnk_map_input_tower", both, size(20), X, size(2), Phi, size(m), workspace)
call("snnk_map_weight_tower", both, size(20), X, size(2), None, Psi, size(m), None, None)
assert list(Phi) == list(Psi)
for copy in reloaded("map", both, c_int32(0)):
    call("snnk_map_input_tower", copy, size(20), X, size(2), Psi, size(m), None)
    assert list(Phi) == list(Psi)
    call("snnk_map_free", copy)
exact = c_double()
call("snnk_map_exact", drawn, X, X, c_double(0), byref(exact))
J, L = (c_float * (2 * m))(), (c_float * (20 * m))()
call("snnk_map_gradient", both, X, J, size(2))
call("snnk_map_laplacian", both, size(20), X, size(2), L, size(m), workspace)
assert any(J) and not any(L)  # relu: the point masses are left out

assert call("snnk_trainer_gradient_length", None) == 0

teacher = handle("snnk_layer_create_dense", size(2), size(2), floats(1, 0, 0, 1), size(2), floats(2, -2), c_int32(2), None)
distill = handle("snnk_distill_create_from_samples", rows, size(1), data(20, X=X, Y=Y), byref(distill_config), None)
call("snnk_distill_free", distill)
distill = handle("snnk_distill_create", teacher, None, data(20, X=X), byref(distill_config), None)
assert call("snnk_distill_inputs", distill) == call("snnk_distill_outputs", distill) == 2
assert call("snnk_distill_candidates", distill) == 2 and call("snnk_distill_rows", distill) == 20
assert call("snnk_distill_tier_name", c_int32(1)) == b"selected"
count = c_size_t()
call("snnk_distill_features_of_share", distill, c_double(2), byref(count))
assert count.value == 2
call("snnk_distill_features_of_error", distill, c_double(0.99), byref(count))
assert count.value == 1
student = c_void_p()
call("snnk_distill_solve", distill, count, None, byref(distill_report), byref(student))
call("snnk_layer_free", student)
replacement = c_void_p()
call("snnk_distill_replacement", distill, c_int32(1), size(1), None, byref(replacement))
call("snnk_network_free", replacement)
assert call("snnk_distill_method_name", c_int32(3)) == b"singular_values"
call("snnk_layer_distill", teacher, None, size(2), data(20, X=X), None, None, None, byref(student))
call("snnk_layer_free", student)
call("snnk_layer_free", teacher)
compress_config = config("snnk_compress_config_init", 32)
compress_part = report(72)
compress_report = report(80)
wide = handle("snnk_layer_create_dense", size(2), size(9), floats(*range(18)), size(2), None, c_int32(2), None)
whole = handle("snnk_network_create", None)
call("snnk_network_append", whole, wide)
compression, compressed = c_void_p(), c_void_p()
call("snnk_network_compress", whole, data(20, X=X), (c_size_t * 1)(1), byref(compress_config), None, None,
     byref(compression), byref(compressed))
assert call("snnk_compress_outcome_name", c_int32(0)) == b"replaced"
assert call("snnk_compression_parts", compression) == 1
assert call("snnk_compression_small", compression) is None  # nothing was tuned
call("snnk_compression_report", compression, byref(compress_report))
call("snnk_compression_part", compression, size(0), byref(compress_part))
call("snnk_compression_distilled", compression, size(0), byref(distill_report))
call("snnk_compression_free", compression)
call("snnk_network_free", compressed)
call("snnk_network_free", whole)
call("snnk_layer_free", wide)
call("snnk_distill_free", distill)

spectrum_config = config("snnk_spectrum_config_init", 80)
frame_config = config("snnk_frame_config_init", 32)
urf_config = config("snnk_urf_config_init", 96)
urf_report = report(192)
predict_config = config("snnk_predict_config_init", 24)
prediction = report(136)
assert call("snnk_spectrum_method_name", c_int32(3)) == b"extension"
assert call("snnk_spectrum_affine_name", c_int32(1)) == b"line"
spectra = [handle("snnk_spectrum_create", c_int32(5), None)]
n = c_size_t()
call("snnk_spectrum_sample_points", None, byref(n), None)
where = (c_double * n.value)()
call("snnk_spectrum_sample_points", None, byref(n), where)
values = (c_double * n.value)(*[z * z for z in where])
spectra.append(handle("snnk_spectrum_create_from_samples", n, values, None))
callback = ctypes.CFUNCTYPE(c_double, c_double, c_void_p)(lambda z, user: z * z)
spectra.append(handle("snnk_spectrum_create_from_function", callback, None, None))
one = (c_double * 1)(1.0)
spectra.append(handle("snnk_spectrum_create_from_atoms", size(1), one, one, None, c_double(0),
                      c_double(0.5), None))
assert call("snnk_spectrum_atoms", spectra[3]) == 1 and call("snnk_spectrum_l1", spectra[3]) == 1
assert call("snnk_spectrum_error", spectra[3]) == 0
call("snnk_spectrum_get", spectra[3], None, one, None, None)
call("snnk_spectrum_affine_part", spectra[3], None, one)
assert one[0] == 0.5
call("snnk_spectrum_settings", spectra[0], byref(spectrum_config))
call("snnk_spectrum_eval", spectra[3], size(1), (c_double * 1)(0), one)
assert one[0] == 1
assert 1.5 < call("snnk_activation_analyticity_halfwidth", c_int32(5)) < 1.6
frame = handle("snnk_frame_create", size(2), data(20, X=X), size(3), X, size(2), None)
call("snnk_frame_norms", frame, one, None)
assert call("snnk_frame_inputs", frame) == 2 and call("snnk_frame_directions", frame) == 0
for name, value, text in (("center", 2, b"both"), ("metric", 1, b"diagonal"), ("urf_form", 0, b"positive"),
                          ("urf_atoms", 0, b"stratified"), ("pool", 2, b"max"), ("filters", 1, b"centres"), ("urf_affine", 0, b"auto")):
    assert call("snnk_%s_name" % name, c_int32(value)) == text
call("snnk_frame_apply", frame, c_int32(0), size(1), X, size(2), (c_double * 2)(), size(2))
urf = handle("snnk_map_create_urf", size(2), spectra[0], None, frame)
rows_given = (c_float * (2 * 1024))(*[((5 * i) % 13) / 6 - 1 for i in range(2 * 1024)])
given_urf = handle("snnk_map_create_urf_from_rows", size(2), spectra[3], size(1024), rows_given,
                   size(2), None, None)
redrawn = handle("snnk_map_redraw", urf, c_uint64(5), size(0), None, size(0))
call("snnk_map_free", redrawn)
nystroem_config = config("snnk_nystroem_config_init", 56)
nystroem = handle("snnk_map_create_nystroem", size(2), data(20, X=X), None, None)
assert call("snnk_map_features", nystroem) == 20
call("snnk_map_free", nystroem)
window_config = config("snnk_window_config_init", 152)
ctypes.memmove(ctypes.addressof(window_config) + 8, (c_uint64 * 5)(1, 2, 1, 1, 2), 40)
ctypes.memmove(ctypes.addressof(window_config) + 64, (c_uint64 * 3)(1, 1, 3), 24)
window = handle("snnk_map_create_window", data(20, X=X), byref(window_config))
assert call("snnk_map_features", window) == 6
call("snnk_map_block_window", window, size(0), byref(window_config), (c_float * 6)(), size(2), None)
call("snnk_map_free", window)
window = handle("snnk_map_create_window_from_filters", byref(window_config), size(3), X, size(2), None)
call("snnk_map_free", window)
scattering_config = config("snnk_scattering_config_init", 72)
for field in (8, 16):  # height and width
    c_uint64.from_buffer(scattering_config, field).value = 8
scattering = handle("snnk_map_create_scattering", byref(scattering_config))
assert call("snnk_map_features", scattering) == 127
call("snnk_map_block_scattering", scattering, size(0), byref(scattering_config))
call("snnk_map_free", scattering)
minirocket_config = config("snnk_minirocket_config_init", 48)
c_uint64.from_buffer(minirocket_config, 8).value = 100
c_int32.from_buffer(minirocket_config, 32).value = 0
assert call("snnk_minirocket_features", byref(minirocket_config)) == 84
series = (c_float * 40)(*[(7 * i) % 5 for i in range(40)])
biases = (c_float * 84)()
minirocket = handle("snnk_map_create_minirocket", size(20), data(2, X=series), byref(minirocket_config))
call("snnk_map_block_minirocket", minirocket, size(0), byref(minirocket_config), biases)
given_minirocket = handle("snnk_map_create_minirocket_from_biases", size(20), size(84), biases,
                          byref(minirocket_config))
call("snnk_map_free", given_minirocket)
minirocket_config = config("snnk_minirocket_config_init", 80)
c_uint64.from_buffer(minirocket_config, 8).value = 84
c_uint64.from_buffer(minirocket_config, 48).value = 2  # channels: 20 numbers are 10 moments
channels = handle("snnk_map_create_minirocket", size(10), data(2, X=series), byref(minirocket_config))
sets, set_total = c_size_t(), c_size_t()
call("snnk_map_block_minirocket_channels", channels, size(0), byref(sets), byref(set_total), None, None)
assert call("snnk_map_inputs", channels) == 20 and sets.value == 84 and 84 < set_total.value <= 168
call("snnk_map_free", channels)
call("snnk_map_free", minirocket)
softmax = handle("snnk_map_create_softmax", size(2), None, None)
calibrated = c_void_p()
call("snnk_urf_calibrate", size(2), c_int32(5), None, data(20, X=X), size(3), X, size(2),
     None, byref(urf_config), byref(urf_report), byref(calibrated))
call("snnk_map_predict", urf, data(20, X=X), size(3), X, size(2), None,
     byref(predict_config), size(0), None, None, size(0), byref(prediction))
call("snnk_map_predict_norms", urf, c_double(0.1), c_double(0.2), c_double(0), c_double(0), None,
     byref(prediction))
call("snnk_predict_depth", size(1), one, one, one, (c_double * 1)(), (c_double * 1)())
from_weights = handle("snnk_layer_create_from_weights", urf, size(3), X, size(2), None)
from_dense = handle("snnk_layer_create_from_dense", size(2), size(3), X, size(2), None, c_int32(5),
                    data(20, X=X), None, None)
folded = handle("snnk_layer_fold", from_weights, size(1), floats(1, 1, 1), size(3), None)
for free, handles in (("snnk_spectrum_free", spectra), ("snnk_frame_free", [frame]),
                      ("snnk_map_free", [urf, given_urf, softmax, calibrated]),
                      ("snnk_layer_free", [from_weights, from_dense, folded])):
    for made in handles:
        call(free, made)

lstsq = handle("snnk_lstsq_create", size(2), size(1), None)
other = handle("snnk_lstsq_create", size(2), size(1), None)
call("snnk_lstsq_add", lstsq, data(20, X=X, Y=Y), None)
call("snnk_lstsq_set_precision", other, c_int32(1))
call("snnk_lstsq_add", other, data(20, X=X, labels=(c_int32 * 20)()), None)
call("snnk_lstsq_merge", other, lstsq)
factor = handle("snnk_lstsq_create", size(2), size(1), None)
call("snnk_lstsq_set_factorization", factor, c_int32(1))
assert call("snnk_lstsq_factorization", factor) == 1
assert call("snnk_lstsq_precision", other) == 1
assert call("snnk_precision_name", c_int32(1)) == b"single"
assert call("snnk_factorization_name", c_int32(1)) == b"qr"
assert call("snnk_solve_method_name", c_int32(0)) == b"cholesky"
call("snnk_lstsq_add", factor, data(20, X=X, Y=Y), None)
call("snnk_lstsq_forget", factor, data(20, X=X, Y=Y), None)
call("snnk_lstsq_add_targets", factor, size(2))
assert call("snnk_lstsq_weight", factor) == 0
assert call("snnk_lstsq_rows", other) == 40
assert call("snnk_lstsq_features", lstsq) == 2 and call("snnk_lstsq_targets", lstsq) == 1
B, b, rss = (c_double * 2)(), (c_double * 1)(), c_double()
call("snnk_lstsq_solve", lstsq, byref(solve_config), workspace, B, size(2), b, byref(solve_report))
assert shares == sorted(shares) and shares[-1] == 1
call("snnk_workspace_set_progress", workspace, None, None)
assert abs(B[0] - 1) < 1e-6 and abs(B[1] + 1) < 1e-6  # floats in, so float precision
call("snnk_lstsq_rss", lstsq, B, size(2), b, byref(rss))
ridges, errors, best = (c_double * 4)(), (c_double * 4)(), c_size_t(9)
call("snnk_lstsq_default_ridges", lstsq, size(4), ridges)
call("snnk_lstsq_choose_ridge", lstsq, lstsq, None, size(4), ridges, None, errors, byref(best))
assert best.value < 4

path = handle("snnk_ridge_path_create", lstsq, None, None)
assert call("snnk_ridge_path_features", path) == 2 and call("snnk_ridge_path_targets", path) == 1
assert call("snnk_ridge_path_rank", path) == 2 and call("snnk_ridge_path_rows", path) == 20
dof, loo, residuals, radius = (c_double * 4)(), (c_double * 4)(), (c_float * 20)(), c_double()
call("snnk_ridge_path_score", path, size(4), ridges, errors, dof, None)
assert 3 > dof[0] > dof[3] > 1
call("snnk_ridge_path_choose_gcv", path, c_int32(1), ridges)
call("snnk_ridge_path_solve", path, ridges, B, size(2), b)
assert abs(B[0] - 1) < 1e-4 and abs(B[1] + 1) < 1e-4
call("snnk_ridge_path_add_loo", path, size(4), ridges, data(20, X=X, Y=Y), loo)
call("snnk_ridge_path_loo_residuals", path, ridges, data(20, X=X, Y=Y), residuals, size(1))
call("snnk_conformal_radius", size(20), residuals, size(1), c_double(0.1), byref(radius))
assert 0 <= radius.value < 1e-3
leverage = (c_double * 20)()
call("snnk_ridge_path_leverage", path, c_double(1), size(20), X, size(2), leverage)
assert 1 / 20 < leverage[0] < 1
call("snnk_ridge_path_free", path)

rls = handle("snnk_rls_create", size(2), size(1), c_double(1e-6), c_double(0.99), None)
call("snnk_rls_add", rls, data(20, X=X, Y=Y), residuals, size(1))
assert residuals[0] == 0
assert call("snnk_rls_rows", rls) == 20
assert call("snnk_rls_ridge", rls) == 1e-6 and call("snnk_rls_forgetting", rls) == 0.99
assert call("snnk_rls_features", rls) == 2 and call("snnk_rls_targets", rls) == 1
call("snnk_rls_solution", rls, B, size(2))
call("snnk_rls_predict", rls, size(20), X, size(2), residuals, size(1), leverage)
call("snnk_rls_free", handle("snnk_rls_create_from_lstsq", lstsq, c_double(1), c_double(1), None))

identity = handle("snnk_map_create_from_rows", size(2), size(2), floats(1, 0, 0, 1), size(2), None,
                  byref(config("snnk_map_config_init", 72)), None)
by_hand = handle("snnk_layer_create", identity, size(1), floats(1, 1), size(2), None)
solved = handle("snnk_layer_create_from_lstsq", identity, lstsq, None, None, None)
dense = handle("snnk_layer_create_dense", size(1), size(1), floats(2), size(1), None, activation, None)
Y_weights = (c_float * 20)(*[1] * 20)
fit = handle("snnk_fit_create", drawn, size(1), byref(fit_config))
call("snnk_fit_add", fit, data(20, X=X, Y=Y), workspace)
fitted = handle("snnk_fit_solve", fit, None, byref(fit_report))
carried = handle("snnk_fit_statistics", fit, None)
unsure = handle("snnk_fit_uncertainty", fit, None)
assert call("snnk_uncertainty_outputs", unsure) == 1 and call("snnk_uncertainty_rows", unsure) == 20
call("snnk_uncertainty_free", unsure)
call("snnk_fit_free", fit)
fit = handle("snnk_fit_create", drawn, size(2), None)
call("snnk_fit_add", fit, data(20, X=X, labels=labels), None)
call("snnk_fit_add", fit, data(20, X=X, labels=labels, weights=Y_weights), None)
assert call("snnk_fit_inputs", fit) == 2 and call("snnk_fit_outputs", fit) == 2
assert call("snnk_fit_features", fit) == 1024 and call("snnk_fit_rows", fit) == 40
assert call("snnk_fit_heldout_rows", fit) <= 40
fit_bytes = c_size_t()
call("snnk_fit_saved_bytes", fit, byref(fit_bytes))
fit_buffer = ctypes.create_string_buffer(fit_bytes.value)
call("snnk_fit_save_memory", fit, fit_buffer, fit_bytes)
loaded_fit = handle("snnk_fit_load_memory", fit_buffer, fit_bytes, None)
call("snnk_fit_merge", fit, loaded_fit, None)
assert call("snnk_fit_rows", fit) == 80
call("snnk_fit_free", loaded_fit)
call("snnk_fit_free", fit)
fit = handle("snnk_fit_create", drawn, size(1), None)
numbers = (c_uint64 * 20)(*range(20))
call("snnk_fit_add", fit, data(20, X=X, Y=Y, groups=numbers), None)
call("snnk_fit_add_copies", fit, data(20, X=X, Y=Y, groups=numbers), None)
assert 20 < call("snnk_fit_rows", fit) < 40
call("snnk_fit_free", fit)

directions_config = config("snnk_directions_config_init", 72)
directions_report = report(80)
importances, gradients = (c_double * 2)(), (c_double * 4)()
directed = handle("snnk_fit_directions", data(20, X=X, Y=Y, inputs=2), size(1), byref(directions_config), None,
                  byref(directions_report), importances, gradients, size(2))
assert abs(sum(importances) - 1) < 1e-9 and abs(gradients[0] + gradients[3] - 2) < 1e-9
call("snnk_layer_free", directed)

way = data(20, X=X, Y=Y, inputs=2)
ways = (c_void_p * 1)(ctypes.cast(way, c_void_p).value)
choice = handle("snnk_choose", size(1), ways, size(1), byref(config("snnk_choose_config_init", 48)), None)
candidate = report(56)
assert call("snnk_choice_candidates", choice) > 8
call("snnk_choice_get", choice, size(0), byref(candidate))
assert struct.unpack_from("d", bytes(candidate), 32)[0] < 1e-3  # the target is linear
call("snnk_choice_free", choice)

boost_config = config("snnk_boost_config_init", 112)
ctypes.memmove(ctypes.addressof(boost_config) + 8, (c_uint64 * 3)(2, 8, 4), 24)
boost_report = report(104)
boosted = handle("snnk_boost_fit", data(20, X=X, Y=Y, inputs=2), size(1), byref(boost_config), None, byref(boost_report))
assert struct.unpack_from("2Q", bytes(boost_report), 16)[1] == 8 * (1 + struct.unpack_from("Q", bytes(boost_report), 16)[0])
assert call("snnk_boost_rows_name", c_int32(2)) == b"pairs"
call("snnk_network_free", boosted)

score = report(48)
for scored in (("snnk_layer_score", fitted, data(20, X=X, Y=Y), None), ("snnk_rls_score", rls, data(20, X=X, Y=Y))):
    call(*scored, byref(score))
    assert struct.unpack_from("Q", bytes(score), 8)[0] == 20
out = (c_float * 20)()
call("snnk_layer_forward", fitted, size(20), X, size(2), out, size(1), workspace)
assert max(abs(out[i] - Y[i]) for i in range(20)) < 0.2
call("snnk_layer_readout", by_hand, size(20), X, size(2), out, size(1), None)
assert call("snnk_layer_inputs", dense) == 1 and call("snnk_layer_outputs", dense) == 1
assert call("snnk_layer_features", fitted) == 1024
assert call("snnk_layer_parameters", dense) == 2 and call("snnk_layer_multiply_adds", dense) == 1
assert c_void_p(call("snnk_layer_map", fitted)).value == drawn.value
call("snnk_layer_weights", dense, out, size(1), None)
assert out[0] == 2
layer_bias = (c_double * 1)(7)
call("snnk_layer_bias", dense, layer_bias)
assert layer_bias[0] == 0

network = handle("snnk_network_create", None)
for layer in (solved, dense):
    call("snnk_network_append", network, layer)
assert call("snnk_network_layers", network) == 2
assert call("snnk_network_inputs", network) == 2 and call("snnk_network_outputs", network) == 1
assert call("snnk_network_parameters", network) > 0
assert call("snnk_network_multiply_adds", network) > 0 and call("snnk_network_weight_bytes", network) > 0
assert call("snnk_network_layer", network, size(1)) == dense.value
call("snnk_network_set_note", network, b"units", b"m")
assert call("snnk_network_note", network, b"units") == b"m"
assert call("snnk_network_notes", network) == 1
assert call("snnk_network_note_key", network, size(0)) == b"units"
assert call("snnk_network_scratch_bytes", network) > 0
call("snnk_network_forward", network, size(20), X, size(2), out, size(1), workspace)
X_f64, out_f64 = (c_double * 40)(*[float(x) for x in X[:40]]), (c_double * 20)()
assert call("snnk_network_scratch_bytes_f64", network) > 0
call("snnk_network_forward_f64", network, size(20), X_f64, size(2), out_f64, size(1), workspace)
assert call("snnk_network_scratch_bytes_bf16", network) > 0
X_bf16, out_bf16 = (ctypes.c_uint16 * 40)(*[0x3f80] * 40), (ctypes.c_uint16 * 20)()
call("snnk_network_forward_bf16", network, size(20), X_bf16, size(2), out_bf16, size(1), workspace)
assert all(abs(a - b) <= 1e-5 * (1 + abs(b)) for a, b in zip(out[:20], out_f64))
call("snnk_network_score", network, data(20, X=X, Y=Y), workspace, byref(score))

map_folded = handle("snnk_map_fold", identity, size(3), floats(1, 2, 3, 4, 5, 6), size(3), None)
assert call("snnk_map_inputs", map_folded) == 3
tower = handle("snnk_layer_create_tower", map_folded)
assert call("snnk_layer_get_kind", tower) == 2 and call("snnk_layer_get_kind", dense) == 0
assert call("snnk_layer_kind_name", c_int32(2)) == b"tower"
assert call("snnk_layer_activation", tower) == -1 and call("snnk_layer_activation", dense) == activation.value
assert call("snnk_storage_name", c_int32(1)) == b"bf16" and call("snnk_storage_name", c_int32(3)) == b"bf16x3"
assert call("snnk_map_kind_name", c_int32(1)) == b"gaussian"
assert call("snnk_projection_name", c_int32(3)) == b"hd3"
assert call("snnk_save_projection_name", c_int32(1)) == b"seed"
assert call("snnk_layer_retain", tower) == tower.value
call("snnk_layer_free", tower)
call("snnk_layer_free", tower)
call("snnk_map_free", map_folded)
bundled = handle("snnk_network_bundle", network, size(0), size(1))
assert call("snnk_layer_get_kind", c_void_p(call("snnk_network_layer", bundled, size(0)))) == 2
call("snnk_network_free", bundled)
single = handle("snnk_network_create", None)
call("snnk_network_append", single, solved)
tower = handle("snnk_network_input_tower", single)
assert call("snnk_network_outputs", tower) == 2
call("snnk_network_weight_tower", single, out, size(2), None)
call("snnk_network_free", tower)
single_network = single

call("snnk_map_free", handle("snnk_fit_center_map", c_void_p(call("snnk_layer_map", fitted)), data(20, X=X)))
refit = handle("snnk_fit_create_from_network", single_network, size(0), None)
call("snnk_fit_add", refit, data(20, X=X, Y=Y), None)
refitted = handle("snnk_fit_solve_network", refit, None, None)
call("snnk_fit_free", refit)
call("snnk_network_free", refitted)
logistic_config = config("snnk_logistic_config_init", 40)
logistic_report = report(40)
refitted = c_void_p()
call("snnk_network_fit_logistic", single_network, data(20, X=X, labels=labels), size(2),
     byref(logistic_config), None, byref(logistic_report), byref(refitted))
call("snnk_network_free", refitted)
chosen_loss = c_void_p()
call("snnk_network_choose_loss", single_network, data(20, X=X, labels=labels), size(2),
     byref(config("snnk_loss_config_init", 40)), None, byref(report(64)), byref(chosen_loss))
call("snnk_network_free", chosen_loss)
assert call("snnk_loss_name", 1) == b"cross-entropy"
call("snnk_network_free", single_network)
call("snnk_logistic_solve", data(20, inputs=2, X=X, labels=labels), size(2), None, None,
     (c_double * 4)(), size(2), (c_double * 2)(), None)

learning = handle("snnk_network_create", None)
call("snnk_network_append", learning, fitted)
call("snnk_network_set_statistics", learning, carried)
call("snnk_lstsq_free", carried)  # the network has a copy
assert call("snnk_lstsq_rows", c_void_p(call("snnk_network_statistics", learning))) == 20
features = (c_float * (20 * 1024))()
call("snnk_network_features", learning, size(20), X, size(2), features, size(1024), None)
call("snnk_network_features_f64", learning, size(20), X_f64, size(2), features, size(1024), None)
call("snnk_network_solve", learning, byref(solve_config), None, byref(solve_report))
call("snnk_network_free", learning)

quantize_report = report(48)
narrow = handle("snnk_network_quantize", network, c_int32(1), data(20, X=X), None,
                byref(quantize_report))
call("snnk_network_free", narrow)
residual = handle("snnk_layer_create_residual", size(1), (c_void_p * 1)(dense), c_int32(1), c_double(0.5), None)
assert call("snnk_layer_inner_count", residual) == 1 and call("snnk_layer_inner", residual, size(0)) == dense.value
assert call("snnk_layer_gain", residual) == 0.5 and call("snnk_layer_residual_form", residual) == 1
assert call("snnk_residual_form_name", c_int32(1)) == b"multiply"
call("snnk_layer_free", residual)
tree = handle("snnk_layer_create_leaves", size(1), (c_float * 1)(-1), size(1), (c_double * 1)(0.5), (c_double * 1)(0.25),
              (ctypes.c_uint32 * 2)(1, 2), (c_void_p * 2)(dense, dense), None)
assert call("snnk_layer_nodes", tree) == 1 and call("snnk_layer_depth", tree) == 1
node_direction, node_threshold, node_children = (c_float * 1)(), c_double(), (ctypes.c_uint32 * 2)()
call("snnk_layer_node", tree, size(0), node_direction, byref(node_threshold), None, node_children)
assert list(node_direction) == [-1] and node_threshold.value == 0.5 and list(node_children) == [1, 2]
call("snnk_layer_free", tree)
leaves_config = config("snnk_leaves_config_init", 88)
ctypes.memmove(ctypes.addressof(leaves_config) + 8, (c_uint64 * 3)(100, 8, 1), 24)
leaves = handle("snnk_leaves_create", data(20, X=X, Y=Y, inputs=2), size(1), byref(leaves_config), None)
assert call("snnk_leaves_inputs", leaves) == 2 and call("snnk_leaves_outputs", leaves) == 1
assert call("snnk_leaves_features", leaves) == 8
assert call("snnk_leaves_count", leaves) == 1 and call("snnk_leaves_depth", leaves) == 0
call("snnk_leaves_add", leaves, data(20, X=X, Y=Y), None)
same_tree = handle("snnk_leaves_create_empty", leaves)
call("snnk_leaves_merge", same_tree, leaves)
call("snnk_leaves_forget", same_tree, data(5, X=X, Y=Y), None)
assert call("snnk_leaves_rows", same_tree) == 15 and call("snnk_leaves_leaf_rows", same_tree, size(0)) == 15
leaves_report = report(72)
call("snnk_layer_free", handle("snnk_leaves_solve", leaves, None, byref(leaves_report)))
for copy in reloaded("leaves", same_tree) + [leaves, same_tree]:
    call("snnk_leaves_free", copy)

narrow = handle("snnk_layer_quantize", dense, c_int32(2))
assert call("snnk_layer_storage", narrow) == 2
assert call("snnk_layer_weight_bytes", narrow) == 4 + 1 + 4
call("snnk_layer_free", narrow)

with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "x").encode()
    for noun, copies in (("network", reloaded("network", network, c_int32(1))), ("lstsq", reloaded("lstsq", lstsq)),
                         ("rls", reloaded("rls", rls))):
        for copy in copies:
            call("snnk_%s_free" % noun, copy)
    call("snnk_lstsq_save", lstsq, path)
    tensors = handle("snnk_tensors_open", path, None)
    names = [call("snnk_tensors_name", tensors, size(i)) for i in range(call("snnk_tensors_count", tensors))]
    assert b"mean_y" in names and call("snnk_tensors_text", tensors, b"snnk.kind") == b"lstsq"
    keys = [call("snnk_tensors_text_key", tensors, size(i)) for i in range(call("snnk_tensors_texts", tensors))]
    assert keys == sorted(keys) and b"snnk.kind" in keys and b"snnk.checksum" in keys
    assert call("snnk_tensors_type", tensors, b"mean_y") == b"F64"
    n_dims, dims = c_size_t(), (c_size_t * 8)()
    call("snnk_tensors_shape", tensors, b"mean_y", byref(n_dims), dims)
    call("snnk_tensors_read", tensors, b"mean_y", n_dims, dims, (c_float * dims[0])())
    call("snnk_tensors_free", tensors)
    with open(path, "wb") as foreign:
        foreign.write(struct.pack("<Q", 64) + b'{"w":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}'.ljust(64) + b"ab")
    tensors = handle("snnk_tensors_open", path, None)
    call("snnk_tensors_save_replaced", tensors, size(1), (ctypes.c_char_p * 1)(b"w"), size(1), (ctypes.c_char_p * 1)(b"v"),
         (c_void_p * 1)(network), path)
    call("snnk_tensors_free", tensors)
    tensors = handle("snnk_tensors_open", path, None)
    assert call("snnk_tensors_text", tensors, b"snnk.network.v") and call("snnk_tensors_type", tensors, b"w") is None
    call("snnk_tensors_free", tensors)
    call("snnk_table_save_npy", path, size(20), size(2), X, size(2))
    table = handle("snnk_table_open", path, None)
    assert call("snnk_table_rows", table) == 20 and call("snnk_table_columns", table) == 2
    assert call("snnk_table_column_name", table, size(0)) is None
    assert call("snnk_table_words", table, size(0)) == 0
    assert call("snnk_table_word", table, size(0), size(0)) is None
    row = (c_float * 2)()
    call("snnk_table_read", table, size(3), size(1), row, size(2))
    assert list(row) == list(X[6:8])
    assert call("snnk_table_dims", table) == 2 and call("snnk_table_dim", table, size(0)) == 20
    assert call("snnk_table_type", table) == b"F32"
    call("snnk_table_free", table)
    with open(path, "w", encoding="utf-8") as file:
        file.write("x;kind\n1,5;red\n;blue\n")
    table = handle("snnk_table_open", path, byref(config("snnk_table_config_init", 40)))
    assert call("snnk_table_separator", table) == ord(";") and call("snnk_table_decimal", table) == ord(",")
    assert call("snnk_table_has_header", table) == 1 and call("snnk_table_missing", table, size(0)) == 1
    assert call("snnk_table_first_word_row", table, size(1)) == 0 and call("snnk_table_comment_lines", table) == 0
    assert call("snnk_column_type_name", c_int32(call("snnk_table_column_type", table, size(1)))) == b"words"
    assert call("snnk_table_header_name", c_int32(0)) == b"auto"
    numbers, words = (c_double * 2)(), (c_int32 * 2)()
    call("snnk_table_read_columns", table, size(0), size(2), size(1), (c_size_t * 1)(0), numbers, size(1))
    call("snnk_table_read_words", table, size(1), size(0), size(2), words)
    assert numbers[0] == 1.5 and numbers[1] != numbers[1] and list(words) == [1, 0]
    call("snnk_table_free", table)
    with open(path, "w", encoding="utf-8") as file:
        file.write("0.1,2\n0.3,4\n")
    table = handle("snnk_table_open", path, None)
    call("snnk_table_read_f64", table, size(0), size(1), numbers, size(2))
    call("snnk_table_save_npy_f64", path + b".npy", size(1), size(2), numbers, size(2))
    assert list(numbers) == [0.1, 2]
    encoder = handle("snnk_encoder_create", table, byref(config("snnk_encoder_config_init", 56)))
    assert call("snnk_encoder_columns", encoder) == 2 and call("snnk_encoder_outputs", encoder) == 2
    assert call("snnk_encoder_column_outputs", encoder, size(1)) == 1
    assert call("snnk_encoding_name", c_int32(call("snnk_encoder_column_encoding", encoder, size(0)))) == b"numbers"
    assert call("snnk_missing_name", c_int32(1)) == b"median" and call("snnk_encoder_likely_index", encoder) in (0, 1)
    assert call("snnk_number_form_name", c_int32(call("snnk_encoder_column_form", encoder, size(0)))) == b"plain"
    assert call("snnk_encoder_column_name", encoder, size(0))
    assert call("snnk_encoder_missing", encoder) == 0
    assert call("snnk_encoder_column_fill", encoder, size(0)) == call("snnk_encoder_column_fill", encoder, size(0))
    assert call("snnk_encoder_column_has_gaps", encoder, size(99)) == 0
    assert call("snnk_encoder_column_words", encoder, size(99)) == 0
    assert call("snnk_encoder_column_word", encoder, size(99), size(0)) is None
    name = ctypes.create_string_buffer(32)
    call("snnk_encoder_output_name", encoder, size(0), name, size(32), None)
    call("snnk_encoder_apply", encoder, table, size(0), size(1), numbers, size(2), byref(report(40)))
    held = handle("snnk_network_create", None)
    two_inputs = handle("snnk_layer_create_dense", size(2), size(1), floats(1, 2), size(2), None, c_int32(0), None)
    call("snnk_network_append", held, two_inputs)
    call("snnk_network_set_encoder", held, encoder)
    assert call("snnk_network_encoder", held) == encoder.value
    call("snnk_network_free", held)
    call("snnk_layer_free", two_inputs)
    assert call("snnk_encoder_retain", encoder) == encoder.value
    call("snnk_encoder_free", encoder)
    for copy in reloaded("encoder", encoder) + [encoder]:
        call("snnk_encoder_free", copy)
    call("snnk_table_free", table)

# Uncertainty: nine errors 1 ... 9; and classes.
zeros, errors, nine = (c_double * 18)(), (c_double * 9)(*range(1, 10)), (c_int32 * 9)(0, 1, 0, 1, 0, 1, 0, 1, 1)
intervals = handle("snnk_uncertainty_create", size(1), data(9, X_f64=zeros, Y_f64=errors),
                   byref(config("snnk_uncertainty_config_init", 32)))
chances = handle("snnk_uncertainty_create", size(2), data(9, X_f64=zeros, labels=nine), None)
assert call("snnk_uncertainty_kind_name", c_int32(call("snnk_uncertainty_get_kind", chances))) == b"classification"
assert call("snnk_uncertainty_rows", intervals) == 9 and call("snnk_uncertainty_outputs", intervals) == 1
number, lower, upper, sets = c_double(), (c_double * 1)(), (c_double * 1)(), (ctypes.c_uint8 * 2)()
call("snnk_uncertainty_radius", intervals, size(0), c_double(0.9), byref(number))
assert number.value == 9
call("snnk_uncertainty_intervals", intervals, c_double(0.5), size(1), zeros, size(1), lower, size(1), upper, size(1))
assert lower[0] == -5 and upper[0] == 5
measured = report(40)
call("snnk_coverage_add_intervals", size(1), size(1), lower, size(1), upper, size(1), zeros, size(1), None,
     byref(measured))
chance = (c_double * 2)()
call("snnk_uncertainty_probabilities", chances, size(1), zeros, size(2), chance, size(2))
assert abs(sum(chance) - 1) < 1e-12 and chance[1] > 0.5
call("snnk_uncertainty_threshold", chances, c_double(0.9), byref(number))
call("snnk_uncertainty_sets", chances, c_double(0.9), size(1), zeros, size(2), sets, size(2))
call("snnk_coverage_add_sets", size(1), size(2), sets, size(2), nine, None, byref(report(40)))
call("snnk_calibration_add", size(2), data(1, X_f64=chance, labels=nine), byref(report(416)))
assert call("snnk_uncertainty_slope", chances) >= 0 and call("snnk_uncertainty_bias", chances, size(1)) > 0
sure = handle("snnk_network_create", None)
one_output = handle("snnk_layer_create_dense", size(2), size(1), floats(1, 2), size(2), None, c_int32(0), None)
call("snnk_network_append", sure, one_output)
call("snnk_network_set_uncertainty", sure, intervals)
assert call("snnk_network_uncertainty", sure) == intervals.value
call("snnk_network_free", sure)
call("snnk_layer_free", one_output)
assert call("snnk_uncertainty_retain", chances) == chances.value
call("snnk_uncertainty_free", chances)
for copy in reloaded("uncertainty", chances) + [chances, intervals]:
    call("snnk_uncertainty_free", copy)

# Training: y = 2 x, from random weights; then passes and a step by hand; then a checkpoint.
assert [call("snnk_layer_part_name", c_int32(part)) for part in range(2)] == [b"weights", b"bias"]
assert call("snnk_optimizer_name", c_int32(3)) == b"lbfgs" and call("snnk_schedule_name", c_int32(1)) == b"constant"
assert call("snnk_train_solve_name", c_int32(1)) == b"end"
learnt_from = handle("snnk_network_create", None)
for layer in (handle("snnk_layer_create_dense_random", size(1), size(2), c_int32(0), c_uint64(7), None),
              handle("snnk_layer_create_random", identity, size(1), c_uint64(7))):
    call("snnk_network_append", learnt_from, layer)
    call("snnk_layer_free", layer)
trainer = handle("snnk_trainer_create", learnt_from, byref(config("snnk_train_config_init", 200)))
call("snnk_trainer_set_rate", trainer, size(0), c_int32(1), c_double(0))
assert call("snnk_trainer_parameters", trainer) == 5
xs, ys = floats(-2, -1, 1, 2), floats(-4, -2, 2, 4)
call("snnk_trainer_run", trainer, data(4, X=xs, Y=ys), data(1, X=xs, Y=ys), None, byref(report(96)))


class Source(ctypes.Structure):
    READ = ctypes.CFUNCTYPE(ctypes.c_int, c_void_p, c_uint64, c_size_t, ctypes.POINTER(Rows))
    _fields_ = [("size", c_size_t), ("rows", c_uint64), ("read", READ), ("user", c_void_p), ("window", c_uint64)]


def read(user, first, count, rows):
    rows[0].n = count
    rows[0].X, rows[0].Y = (ctypes.addressof(values) + 4 * first for values in (xs, ys))
    return 0


source = Source(ctypes.sizeof(Source), 4, Source.READ(read), None, 0)
call("snnk_trainer_run_source", trainer, byref(source), None, None, byref(report(96)))
assert call("snnk_trainer_epochs", trainer) == 40
call("snnk_trainer_epoch", trainer, size(39), byref(report(40)))
record, outputs = handle("snnk_record_create", trainer), floats(0, 0, 0, 0)
call("snnk_trainer_forward", trainer, size(4), xs, size(1), outputs, size(1), record, None)
call("snnk_trainer_backward", trainer, record, xs, size(1), outputs, size(1), None, size(0), None)
call("snnk_trainer_step", trainer, c_double(0.25), c_double(1), None)
call("snnk_record_free", record)
call("snnk_trainer_set_callbacks", trainer, None, None, None)
with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "checkpoint.snnk").encode()
    call("snnk_trainer_save", trainer, path)
    again = handle("snnk_trainer_load", path, learnt_from, None)
for made in (trainer, again):
    call("snnk_network_free", handle("snnk_trainer_network", made))
    call("snnk_trainer_free", made)
call("snnk_network_free", learnt_from)

for free, handles in (("snnk_network_free", [network]), ("snnk_map_free", [drawn, rows, both, identity]),
                      ("snnk_layer_free", [by_hand, solved, dense, fitted]),
                      ("snnk_lstsq_free", [lstsq, other, factor]), ("snnk_rls_free", [rls]), ("snnk_scaling_free", [scaling, given]),
                      ("snnk_workspace_free", [workspace])):
    for made in handles:
        call(free, made)

call("snnk_fail", c_int32(0), b"as a library on top of this one says it")
assert call("snnk_last_error") == b"as a library on top of this one says it"

missing = sorted(symbols - called)
for name in missing:
    print("not ok: never called:", name)
print("ctypes: %d passed, %d failed" % (checks, len(missing)))
sys.exit(1 if missing else 0)
