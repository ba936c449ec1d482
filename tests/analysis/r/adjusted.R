# Writes adjusted.json, to which test_adjusted_against_r.py compares: Rscript adjusted.R > adjusted.json
# R 4.2.2; lme4 1.1-31, survival 3.5-3, geepack 1.3.9. Patients of five studies drawn below (synthetic).
suppressMessages({library(lme4); library(survival); library(geepack); library(jsonlite); library(splines)})
set.seed(11)
n <- c(19, 34, 29, 45, 24); study <- rep(paste0("s", seq_along(n)), n); total <- sum(n)
age <- round(runif(total, 5, 75)); ph <- sample(c("negative", "positive"), total, TRUE, c(.7, .3))
given <- rbinom(total, 1, plogis(-1 + .03 * age - .6 * (ph == "positive")))
y <- rbinom(total, 1, plogis(.8 - .02 * age + .5 * given))
shift <- rep(c(-.9, .5, .8, -.2, .1), n)
time <- ceiling(rexp(total, .08 * exp(shift + .4 * (ph == "positive"))) * 10) / 10
followed <- round(runif(total, 9, 15), 1); event <- as.integer(time <= followed); time <- pmin(time, followed)
entry <- ifelse(runif(total) < .3, round(pmin(time / 2, 1), 2), 0)
patients <- data.frame(study, age, ph, given, y, time, event, entry)
out <- list(`_software` = list(R = R.version.string, lme4 = as.character(packageVersion("lme4")),
  survival = as.character(packageVersion("survival")), geepack = as.character(packageVersion("geepack"))), patients = patients)
# survival with normal study levels: a Poisson model of events and time at risk by study and interval
curve <- function(cuts) {
  split <- if (length(cuts)) survSplit(Surv(entry, time, event) ~ ., patients, cut = cuts, episode = "interval", start = "from",
    end = "to", event = "ev") else transform(patients, interval = 1, from = entry, to = time, ev = event)
  split$lived <- split$to - split$from
  cells <- aggregate(cbind(ev, lived) ~ study + interval, split, sum)
  cells$interval <- factor(cells$interval)
  form <- if (length(cuts)) ev ~ 0 + interval + offset(log(lived)) + (1 | study) else ev ~ 1 + offset(log(lived)) + (1 | study)
  m <- glmer(form, cells, family = poisson, nAGQ = 61, control = glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12,
    optCtrl = list(rhoend = 1e-10, maxfun = 1e5), check.conv.grad = "ignore"))
  list(log_hazard = I(unname(fixef(m))), variance = unname(as.matrix(vcov(m, use.hessian = TRUE))), tau2 = unname(VarCorr(m)$study[1]))
}
out$curve <- list(plain = curve(numeric(0)), cut = curve(c(3, 6)))
# the restricted mean by pseudo-values within studies
tau <- 8
mean_to <- function(d) unname(summary(survfit(Surv(time, event) ~ 1, d), rmean = tau)$table["rmean"])
pseudo <- numeric(total)
for (s in unique(study)) {
  at <- which(study == s); own <- patients[at, ]; m <- length(at); whole <- mean_to(own)
  for (i in seq_len(m)) pseudo[at[i]] <- m * whole - (m - 1) * mean_to(own[-i, ])
}
patients$pseudo <- pseudo; patients$id <- seq_len(total)
g <- geeglm(pseudo ~ 0 + study + ph + age, data = patients, id = id, corstr = "independence")
out$restricted_mean <- list(tau = tau, coefficient = unname(coef(g))[6:7], standard_error = unname(sqrt(diag(g$geese$vbeta)))[6:7])
# overlap weights: shares by glm's scores, errors of the stacked equations by numerical derivatives
X <- cbind(1, age, ph == "positive"); score <- glm(given ~ age + ph, binomial, patients, control = list(epsilon = 1e-14))
e <- fitted(score); w <- ifelse(given == 1, 1 - e, e)
shares <- c(weighted.mean(y[given == 0], w[given == 0]), weighted.mean(y[given == 1], w[given == 1]))
psi <- function(th) { e <- plogis(drop(X %*% th[1:3])); cbind(X * (given - e), (1 - given) * e * (y - th[4]), given * (1 - e) * (y - th[5])) }
th <- c(unname(coef(score)), shares); A <- matrix(0, 5, 5)
for (j in 1:5) { h <- 1e-5 * max(1, abs(th[j])); up <- down <- th; up[j] <- up[j] + h; down[j] <- down[j] - h
  A[, j] <- -(colSums(psi(up)) - colSums(psi(down))) / (2 * h) }
V <- (solve(A) %*% crossprod(psi(th)) %*% t(solve(A)))[4:5, 4:5]
out$overlap <- list(shares = shares, standard_error = sqrt(diag(V)), difference = diff(shares), difference_error = sqrt(V[1, 1] + V[2, 2] - 2 * V[1, 2]))
# a spline of three knots spans the same curves as a natural cubic spline with the outer knots as boundaries
knots <- unname(quantile(age, c(.1, .5, .9)))
curved <- glm(y ~ given + ns(age, knots = knots[2], Boundary.knots = knots[c(1, 3)]), binomial, patients, control = list(epsilon = 1e-14))
hand <- pmax(age - knots[1], 0)^3 - pmax(age - knots[2], 0)^3 * (knots[3] - knots[1]) / (knots[3] - knots[2]) +
  pmax(age - knots[3], 0)^3 * (knots[2] - knots[1]) / (knots[3] - knots[2])
bent <- glm(y ~ given + age + I(hand / (knots[3] - knots[1])^2), binomial, patients, control = list(epsilon = 1e-14))
out$spline <- list(knots = knots, log_likelihood = as.numeric(logLik(curved)), p = unname(summary(bent)$coefficients[4, 4]))
cat(toJSON(out, digits = 15, auto_unbox = TRUE))
