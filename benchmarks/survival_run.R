# One estimate by R's survival: Rscript survival_run.R TASK TIMES DIR SUBJECTS
# Reads the columns survival_speed.py wrote (little-endian doubles), warms up on the first thousand subjects, times the
# estimation alone, and writes what is compared to DIR/TASK-TIMES-r.bin. Prints one line of JSON.
suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
task <- arguments[1]; times <- arguments[2]; dir <- arguments[3]; n <- as.integer(arguments[4])

column <- function(name) readBin(file.path(dir, paste0(name, ".bin")), "double", n, endian = "little")
status <- column("event")
data <- data.frame(time = column(times))
if (task %in% c("kaplan_meier", "logrank", "cox")) data$event <- status
if (task == "logrank") data$group <- column("group")
if (startsWith(task, "incidence")) data$cause <- factor(column("cause"), 0:2, c("censored", "1", "2"))
if (task == "cox") {
  for (j in 1:8) data[[paste0("x", j)]] <- column(paste0("x", j))
  data$stratum <- column("stratum")
}

fit <- switch(task,
  kaplan_meier = function(d) survfit(Surv(time, event) ~ 1, data = d, conf.type = "log-log"),
  logrank = function(d) survdiff(Surv(time, event) ~ group, data = d),
  incidence = function(d) survfit(Surv(time, cause) ~ 1, data = d, conf.type = "log-log"),
  incidence_bare = function(d) survfit(Surv(time, cause) ~ 1, data = d, se.fit = FALSE),
  cox = function(d) coxph(Surv(time, event) ~ x1 + x2 + x3 + x4 + x5 + x6 + x7 + x8 + strata(stratum), data = d))
invisible(fit(data[1:1000, ]))
seconds <- system.time(result <- fit(data), gcFirst = TRUE)[["elapsed"]]

asked <- seq(0, 3650, by = 10)
at <- function(values, start) c(start, values)[findInterval(asked, result$time) + 1]
statistics <- switch(task,
  kaplan_meier = c(result$surv, result$surv * result$std.err, result$lower, result$upper, result$n.risk),
  logrank = c(result$obs, result$exp, result$chisq),
  incidence = c(at(result$pstate[, 2], 0), at(result$pstate[, 3], 0),
                at(result$std.err[, 2], 0), at(result$std.err[, 3], 0)),
  incidence_bare = c(at(result$pstate[, 2], 0), at(result$pstate[, 3], 0)),
  cox = c(coef(result), sqrt(diag(vcov(result))), result$loglik))
writeBin(as.double(statistics), file.path(dir, paste0(task, "-", times, "-r.bin")), endian = "little")
peak <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
cat(sprintf('{"seconds": %.4f, "mib": %.1f, "version": "%s"}\n', seconds,
            as.numeric(gsub("[^0-9]", "", peak)) / 1024, packageVersion("survival")))
