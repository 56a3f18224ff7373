/* Losses that keep a mixture's experts in use, over a number of images that pass together (papers C2).
 *
 * G [images][experts]: gates, 0 where an expert is not kept.  importance_e = sum over images of G_e;
 * CV^2(v) = variance of all v_e over their squared mean.
 *
 *     "smooth"      importance * CV^2(importance) + load * CV^2(load), load_e = sum over images of the chance that the
 *                   expert is kept if its noise were drawn anew (Shazeer et al. 2017, appendix A)
 *     "importance"  (importance + load) * CV^2(importance): the code of paper 2, which takes importance for the load
 *     "uniform"     kl * KL(u || p), u_e = 1 / experts and p_e the mean of G_e: what that code means to compute
 *     "mean"        kl * KL(p || u): what its comment says
 *     "code"        kl * KL(u || p) / experts: what it computes */
#ifndef PMOE_TRAIN_BALANCE_H
#define PMOE_TRAIN_BALANCE_H

#include <stdint.h>

enum balance_form {
    BALANCE_NONE,
    BALANCE_SMOOTH,
    BALANCE_IMPORTANCE,
    BALANCE_UNIFORM,
    BALANCE_MEAN,
    BALANCE_CODE,
    BALANCE_FORMS,
};

struct balance {
    enum balance_form form;
    float importance, load, kl;
};

/* "smooth", ...; "" for BALANCE_NONE, NULL beyond the last. */
const char *balance_form_name(enum balance_form form);
enum balance_form balance_form_of(const char *name); /* NULL is "", an unknown name BALANCE_FORMS */

/* CV^2 of values [count]; gradient [count] = its own.  0 where the mean is. */
double balance_variation(const double *values, int32_t count, double *gradient);

/* The divergence of the form, one of the last three, from p [count]; gradient [count] = its own. */
double balance_divergence(enum balance_form form, const double *p, int32_t count, double *gradient);

/* One image's chances to be kept, 1 <= kept < experts; all [experts]:
 * chance_e = Phi((clean_e - t_e) / deviation_e), t_e the kept-th largest of noisy without e's own. */
void balance_chances(const float *clean, const float *noisy, const float *deviation, int32_t experts, int32_t kept,
                     double *chances);

/* dclean, dnoisy, ddeviation [experts] += from dchances, the thresholds' part included. */
void balance_chances_backward(const float *clean, const float *noisy, const float *deviation, int32_t experts,
                              int32_t kept, const double *dchances, float *dclean, float *dnoisy, float *ddeviation);

#endif
