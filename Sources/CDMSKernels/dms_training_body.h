// The kernels of dms_training_rows.h for the instruction set whose dms_simd_*.h was included before.

#include "dms_row_vectors.h"

// MARK: Backward

DMS_FN float sum_of_sums(const vf *sums) { return vf_sum(vf_add(vf_add(sums[0], sums[1]), vf_add(sums[2], sums[3]))); }

// With r = 1 / sqrt(mean(x^2) + eps) and h = grad_y * weight: grad_x = r * (h - x * r^2 * mean(h * x)).
DMS_TARGET static void rms_norm_backward(const float *x, size_t columns, const float *weight, float eps,
                                         const float *grad_y, float *grad_x, int accumulate, float *grad_weight) {
    vf squares[SUMS], products[SUMS];
    for (size_t k = 0; k < SUMS; ++k) squares[k] = products[k] = vf_set1(0.0f);
    size_t start = 0;
    for (; start + SUMS * VF_LANES <= columns; start += SUMS * VF_LANES) {
        for (size_t k = 0; k < SUMS; ++k) {
            size_t i = start + k * VF_LANES;
            vf v = vf_load(x + i);
            squares[k] = vf_fma(v, v, squares[k]);
            products[k] = vf_fma(vf_mul(vf_load(grad_y + i), vf_load(weight + i)), v, products[k]);
        }
    }
    FOR_VECTORS(i, n, columns - start) {
        vf v = load_some(x + start + i, n);
        squares[0] = vf_fma(v, v, squares[0]);
        vf h = vf_mul(load_some(grad_y + start + i, n), load_some(weight + start + i, n));
        products[0] = vf_fma(h, v, products[0]);
    }
    float count = (float)columns;
    float r = 1.0f / sqrtf(sum_of_sums(squares) / count + eps);
    float mean = sum_of_sums(products) / count;
    vf factor = vf_set1(r), pull = vf_set1(-r * r * mean);
    FOR_VECTORS(i, n, columns) {
        vf v = load_some(x + i, n), g = load_some(grad_y + i, n);
        if (grad_weight) {
            store_some(grad_weight + i, vf_fma(g, vf_mul(v, factor), load_some(grad_weight + i, n)), n);
        }
        vf gradient = vf_mul(factor, vf_fma(v, pull, vf_mul(g, load_some(weight + i, n))));
        store_some(grad_x + i, accumulate ? vf_add(load_some(grad_x + i, n), gradient) : gradient, n);
    }
}

// With s = 1 / (1 + exp(-gate)): silu = gate * s and its derivative is s * (1 + gate * (1 - s)).
DMS_TARGET static void swiglu_backward(const float *gate, const float *up, const float *grad_y, size_t columns,
                                       float *grad_gate, float *grad_up) {
    vf one = vf_set1(1.0f), zero = vf_set1(0.0f);
    FOR_VECTORS(i, n, columns) {
        vf g = load_some(gate + i, n), u = load_some(up + i, n), dy = load_some(grad_y + i, n);
        vf s = vf_div(one, vf_add(one, vf_exp(vf_sub(zero, g))));
        vf derivative = vf_mul(s, vf_fma(g, vf_sub(one, s), one));
        store_some(grad_gate + i, vf_mul(vf_mul(dy, u), derivative), n);
        store_some(grad_up + i, vf_mul(dy, vf_mul(g, s)), n);
    }
}

// MARK: Losses

// NaN counts as nothing here: its exponential makes the sum NaN.
DMS_TARGET static float largest_number(const float *x, size_t columns) {
    vf largest[SUMS];
    for (size_t k = 0; k < SUMS; ++k) largest[k] = vf_set1(-INFINITY);
    size_t start = 0;
    for (; start + SUMS * VF_LANES <= columns; start += SUMS * VF_LANES) {
        for (size_t k = 0; k < SUMS; ++k) largest[k] = vf_max(vf_load(x + start + k * VF_LANES), largest[k]);
    }
    FOR_VECTORS(i, n, columns - start) largest[0] = vf_max(load_or_lowest(x + start + i, n), largest[0]);
    return vf_maximum(vf_max(vf_max(largest[0], largest[1]), vf_max(largest[2], largest[3])));
}

DMS_TARGET static float cross_entropy(float *logits, size_t columns, size_t target, float grad_scale) {
    float largest = largest_number(logits, columns);
    double of_target = (double)logits[target] - (double)largest;
    vd sum = vd_zero();
    FOR_VECTORS(i, n, columns) {
        vf e = vf_exp(vf_sub(load_or_lowest(logits + i, n), vf_set1(largest)));
        store_some(logits + i, e, n);
        sum = vd_add(sum, e);
    }
    double total = vd_sum(sum);
    vf factor = vf_set1((float)((double)grad_scale / total));
    FOR_VECTORS(i, n, columns) store_some(logits + i, vf_mul(load_some(logits + i, n), factor), n);
    logits[target] -= grad_scale;
    return (float)(log(total) - of_target);
}

DMS_TARGET static float divergence(float *teacher, float *logits, size_t columns, float grad_scale) {
    vf t_largest = vf_set1(largest_number(teacher, columns)), s_largest = vf_set1(largest_number(logits, columns));
    vd t_sum = vd_zero(), s_sum = vd_zero(), difference = vd_zero();
    FOR_VECTORS(i, n, columns) {
        vf t = vf_sub(load_or_lowest(teacher + i, n), t_largest);
        vf s = vf_sub(load_or_lowest(logits + i, n), s_largest);
        vf t_exp = vf_exp(t), s_exp = vf_exp(s);
        store_some(teacher + i, t_exp, n);
        store_some(logits + i, s_exp, n);
        t_sum = vd_add(t_sum, t_exp);
        s_sum = vd_add(s_sum, s_exp);
        // What the teacher gives no probability counts nothing, even where both are minus infinity.
        difference = vd_add_product(difference, t_exp, vf_zero_below(t_exp, 0x1p-126f, vf_sub(t, s)));
    }
    double t_total = vd_sum(t_sum), s_total = vd_sum(s_sum);
    vf t_factor = vf_set1((float)(-(double)grad_scale / t_total));
    vf s_factor = vf_set1((float)((double)grad_scale / s_total));
    FOR_VECTORS(i, n, columns) {
        vf gradient = vf_mul(load_some(logits + i, n), s_factor);
        store_some(logits + i, vf_fma(load_some(teacher + i, n), t_factor, gradient), n);
    }
    double result = vd_sum(difference) / t_total + (log(s_total) - log(t_total));
    return result < 0 ? 0.0f : (float)result;
}

// MARK: Optimizer

DMS_TARGET static double sum_of_squares(const float *x, size_t count) {
    vd sum = vd_zero();
    FOR_VECTORS(i, n, count) {
        vf v = load_some(x + i, n);
        sum = vd_add_product(sum, v, v);
    }
    return vd_sum(sum);
}

DMS_TARGET static void adamw(const dms_adamw_args *args, size_t first, size_t count) {
    float *parameters = args->parameters + first;
    const float *gradients = args->gradients + first;
    float *first_moments = args->first_moments + first, *second_moments = args->second_moments + first;
    vf beta1 = vf_set1(args->beta1), rest1 = vf_set1(1.0f - args->beta1);
    vf beta2 = vf_set1(args->beta2), rest2 = vf_set1(1.0f - args->beta2);
    vf step = vf_set1(-args->learning_rate / args->correction1), correction2 = vf_set1(args->correction2);
    vf decay = vf_set1(-args->learning_rate * args->weight_decay), epsilon = vf_set1(args->epsilon);
    vf scale = vf_set1(args->grad_scale);
    FOR_VECTORS(i, n, count) {
        vf g = vf_mul(load_some(gradients + i, n), scale), p = load_some(parameters + i, n);
        vf m = vf_fma(beta1, load_some(first_moments + i, n), vf_mul(rest1, g));
        vf v = vf_fma(beta2, load_some(second_moments + i, n), vf_mul(rest2, vf_mul(g, g)));
        store_some(first_moments + i, m, n);
        store_some(second_moments + i, v, n);
        vf denominator = vf_add(vf_sqrt(vf_div(v, correction2)), epsilon);
        p = vf_fma(decay, p, p);
        store_some(parameters + i, vf_fma(step, vf_div(m, denominator), p), n);
    }
}

#define TRAINING_KERNELS                                                                              \
    {.rms_norm_backward = rms_norm_backward, .swiglu_backward = swiglu_backward,                      \
     .cross_entropy = cross_entropy, .divergence = divergence, .sum_of_squares = sum_of_squares, .adamw = adamw}
