# Writes pooling.json, to which test_pooling_against_r.py compares: Rscript pooling.R > pooling.json
# R 4.2.2; metafor 3.8-1 (GPL), lme4 1.1-31, survival 3.5-3. Data: metafor's dat.bcg, and patients
# of five studies drawn below (synthetic); the file holds the data it was computed on.
suppressMessages({library(metafor); library(lme4); library(survival); library(jsonlite)})
out <- list(`_software` = list(R = R.version.string, metafor = "3.8-1", lme4 = as.character(packageVersion("lme4")),
                               survival = as.character(packageVersion("survival"))))
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
bcg$year <- bcg$year - 1960
tight <- list(threshold = 1e-13, maxiter = 10000, tol = 1e-13)
out$bcg <- data.frame(y = as.numeric(bcg$yi), v = as.numeric(bcg$vi), ablat = bcg$ablat, year = bcg$year, alloc = bcg$alloc)
fit <- function(f) list(coefficient = c(f$beta), standard_error = f$se, statistic = c(f$zval), p = f$pval, lower = f$ci.lb,
  upper = f$ci.ub, qm = c(f$QM), qm_p = f$QMp, qe = f$QE, qe_p = f$QEp, tau2 = f$tau2, tau2_standard_error = f$se.tau2,
  i2 = f$I2, h2 = f$H2, r2 = f$R2)
out$regression <- list()
for (method in c("FE", "DL", "PM", "REML", "ML", "EB", "SJ", "HE", "HS")) for (test in c("z", "knha", "t")) {
  two <- rma(yi, vi, mods = ~ ablat + year, data = bcg, method = method, test = test, control = tight)
  factor <- rma(yi, vi, mods = ~ alloc, data = bcg, method = method, test = test, control = tight)
  out$regression[[paste(method, test, sep = "_")]] <- list(two = fit(two), factor = fit(factor))
}
out$subgroups <- lapply(split(bcg, bcg$alloc), function(part) {
  f <- rma(yi, vi, data = part, control = tight); list(estimate = c(f$beta), standard_error = f$se, tau2 = f$tau2, q = f$QE)})
separate <- do.call(rbind, lapply(out$subgroups, as.data.frame))
between <- rma(separate$estimate, sei = separate$standard_error, method = "FE")
out$between <- list(separate = between$QE, separate_p = between$QEp)
# patient-level data of five studies by a formula
set.seed(7)
n <- c(19, 64, 29, 105, 54); study <- rep(paste0("s", seq_along(n)), n); total <- sum(n)
age <- round(runif(total, 5, 75)); arm <- sample(c("a", "b", "c"), total, TRUE)
shift <- rep(c(-1, .4, 1.2, -.3, .7), n)
y <- rbinom(total, 1, plogis(-.4 + .03 * (age - 40) + .6 * (arm == "b") + shift))
time <- ceiling(rexp(total, exp(-6.5 + .015 * (age - 40) - .4 * (arm == "c") + shift)))
followed <- ceiling(runif(total, 60, 900)); event <- as.integer(time <= followed); time <- pmin(time, followed)
patients <- data.frame(study, age, arm, y, time, event)
out$patients <- patients
mixed <- glmer(y ~ age + arm + (1 | study), data = patients, family = binomial, nAGQ = 25,
  control = glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), check.conv.grad = "ignore"))
out$random <- list(coefficient = unname(fixef(mixed)), standard_error = unname(sqrt(diag(as.matrix(vcov(mixed))))),
                   tau2 = unname(VarCorr(mixed)$study[1]))
alone <- glmer(y ~ 1 + (1 | study), data = patients, family = binomial, nAGQ = 25)
out$random_alone <- list(coefficient = unname(fixef(alone)), standard_error = unname(sqrt(diag(as.matrix(vcov(alone))))),
                         tau2 = unname(VarCorr(alone)$study[1]))
fixed <- glm(y ~ study + age + arm, family = binomial, data = patients, epsilon = 1e-14)
keep <- c("age", "armb", "armc")
out$stratified <- list(coefficient = unname(coef(fixed)[keep]), standard_error = unname(sqrt(diag(vcov(fixed)))[keep]),
                       deviance = deviance(fixed))
frail <- coxph(Surv(time, event) ~ age + arm + frailty(study, distribution = "gamma", eps = 1e-11, method = "em"),
               data = patients, control = coxph.control(eps = 1e-12, iter.max = 100, outer.max = 200))
out$frailty <- list(coefficient = unname(frail$coefficients), standard_error = unname(sqrt(diag(frail$var))),
  theta = unname(frail$history[[1]]$theta), log_likelihood = unname(frail$history[[1]]$c.loglik), effects = unname(frail$frail))
breslow <- coxph(Surv(time, event) ~ age + arm + frailty(study, distribution = "gamma", eps = 1e-11, method = "em"), ties = "breslow",
               data = patients, control = coxph.control(eps = 1e-12, iter.max = 100, outer.max = 200))
out$frailty_breslow <- list(coefficient = unname(breslow$coefficients), standard_error = unname(sqrt(diag(breslow$var))),
  theta = unname(breslow$history[[1]]$theta), log_likelihood = unname(breslow$history[[1]]$c.loglik))
cat(toJSON(out, digits = 15, auto_unbox = TRUE, dataframe = "columns", na = "null", null = "null"))
