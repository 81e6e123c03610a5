// Special functions: error functions and the normal distribution, gamma and beta functions, Bessel functions of orders 0 and 1, entropies.
// Series, continued fractions and Euler-Maclaurin's formula as in the NIST Digital Library of Mathematical Functions, chapters 5 to 10.
'use strict';
CGraphInterpreter.learn(function (kit) {
  var exp = Math.exp, log = Math.log, abs = Math.abs, sqrt = Math.sqrt, PI = Math.PI, TAU = 2 * PI, erfc = kit.erfc, ROOT = sqrt(PI);
  // Bernoulli's numbers B2, B4 ...
  var B = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798];
  function none() { return 0; }
  function sinPi(x) { var w = kit.rint(x); return Math.sin(PI * (x - w)) * (abs(w % 2) ? -1 : 1); }
  function erf(x) {  // DLMF 7.6.2
    if (x !== x || abs(x) >= 2.5) return x !== x ? NaN : x < 0 ? erfc(-x) - 1 : 1 - erfc(x);
    for (var t = x, sum = x, k = 1; abs(t) > 1e-18 * abs(sum); k++) sum += (t *= 2 * x * x / (2 * k + 1));
    return 2 / ROOT * exp(-x * x) * sum;
  }
  function erfcx(x) {
    if (x < 2.5) return exp(x * x) * erfc(x);
    for (var t = x, k = 120; k > 0; k--) t = x + k / 2 / t;
    return 1 / ROOT / t;
  }
  function erfi(x) { for (var t = x, sum = x, k = 1; abs(t) > 1e-18 * abs(sum); k++) { t *= x * x / k; sum += t / (2 * k + 1); } return 2 / ROOT * sum; }
  function density(x) { return exp(-0.5 * x * x) / sqrt(TAU); }
  function ndtr(x) { return 0.5 * erfc(-x * Math.SQRT1_2); }
  function logNdtr(x) { return x < 0 ? log(0.5 * erfcx(-x * Math.SQRT1_2)) - 0.5 * x * x : Math.log1p(-0.5 * erfc(x * Math.SQRT1_2)); }
  function mills(x) { return sqrt(2 / PI) / erfcx(-x * Math.SQRT1_2); }
  function ndtri(p) {  // from a rough guess in the tail by Newton's method, on the logarithm
    if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
    if (p > 0.5) return -ndtri(1 - p);
    var x = p > 0.02 ? 0 : -sqrt(-2 * log(p)), k, step;
    for (k = 0; k < 60; k++) { step = (logNdtr(x) - log(p)) / mills(x); x -= step; if (abs(step) < 1e-16 * (1 + abs(x))) break; }
    return x;
  }
  function erfinv(y) {
    if (abs(y) >= 1) return abs(y) === 1 ? y * Infinity : NaN;
    if (abs(y) > 0.5) return y < 0 ? -erfcinv(1 + y) : erfcinv(1 - y);
    for (var x = y * ROOT / 2, k = 0; k < 30; k++) x -= (erf(x) - y) * ROOT / 2 * exp(x * x);
    return x;
  }
  function erfcinv(y) { return y > 1.5 ? -erfcinv(2 - y) : y > 0.5 ? erfinv(1 - y) : -ndtri(y / 2) * Math.SQRT1_2; }
  function ends(f, low, high) { return function (x) { return x === low ? -Infinity : x === high ? Infinity : f(x); }; }

  function gammaln(x) {  // Stirling's series (DLMF 5.11.1) after a shift; reflected below 0
    if (x !== x || x === Infinity) return x;
    if (x <= 0) return x === Math.floor(x) ? Infinity : log(PI / abs(sinPi(x))) - gammaln(1 - x);
    for (var p = 1, y = x; y < 10; y++) p *= y;
    return (y - 0.5) * log(y) - y + 0.5 * log(TAU) + rest(y) - log(p);
  }
  function rest(y) { for (var sum = 0, k = 8, r = 1 / (y * y); k >= 0; k--) sum = sum * r + B[k] / ((2 * k + 2) * (2 * k + 1)); return sum / y; }
  function gamma(x) {
    if (x === 0) return 1 / x;
    if (x < 0) return x === Math.floor(x) ? NaN : PI / (sinPi(x) * gamma(1 - x));
    if (x > 171.7) return Infinity;
    for (var p = 1, y = x; y < 10; y++) p *= y;
    for (; y > 20; y--) p /= y - 1;
    return exp((y - 0.5) * log(y) - y + rest(y)) * sqrt(TAU) / p;
  }
  function sign(x) { return x > 0 || x === Math.floor(x) ? 1 : Math.floor(x) % 2 ? -1 : 1; }
  function psi(x) {  // DLMF 5.11.2
    if (x <= 0) return x === Math.floor(x) ? NaN : psi(1 - x) - PI * sinPi(x + 0.5) / sinPi(x);
    for (var sum = 0, y = x; y < 10; y++) sum -= 1 / y;
    for (var t = 0, k = 8, r = 1 / (y * y); k >= 0; k--) t = t * r + B[k] / (2 * k + 2);
    return sum + log(y) - 0.5 / y - t * r;
  }
  function zeta(s, q) {  // Hurwitz' (DLMF 25.11.5 and Euler-Maclaurin)
    for (var sum = 0, y = q; y < 12; y++) sum += Math.pow(y, -s);
    var power = Math.pow(y, -s), k, t = s * power / y;
    sum += power * y / (s - 1) + 0.5 * power;
    for (k = 0; k < 9; k++) {
      sum += B[k] * t / factorial(2 * k + 2);
      t *= (s + 2 * k + 1) * (s + 2 * k + 2) / (y * y);
    }
    return sum;
  }
  function factorial(n) { for (var p = 1; n > 1; n--) p *= n; return p; }
  function polygamma(n, x) { return n === 0 ? psi(x) : (n % 2 ? 1 : -1) * factorial(n) * zeta(n + 1, x); }
  function betaln(a, b) {  // of a large argument the difference of two Stirling series, in which nothing cancels
    if (a > b) return betaln(b, a);
    if (!(a > 0 && b >= 10)) return gammaln(a) + gammaln(b) - gammaln(a + b);
    return gammaln(a) - (b - 0.5) * Math.log1p(a / b) - a * log(a + b) + a + rest(b) - rest(a + b);
  }
  function beta(a, b) { return sign(a) * sign(b) * sign(a + b) * exp(betaln(a, b)); }
  function gammaDensity(a, x) { return exp((a === 1 ? 0 : (a - 1) * log(x)) - x - gammaln(a)); }
  function gammainc(a, x) { return x < a + 1 ? lower(a, x) : 1 - upper(a, x); }
  function gammaincc(a, x) { return x < a + 1 ? 1 - lower(a, x) : upper(a, x); }
  function lower(a, x) {  // DLMF 8.7.1
    if (x === 0) return 0;
    for (var t = 1 / a, sum = t, k = 1; t > 1e-17 * sum; k++) sum += (t *= x / (a + k));
    return sum * gammaDensity(a, x) * x;
  }
  function upper(a, x) {  // DLMF 8.9.2
    if (x === Infinity) return 0;
    for (var t = 0, k = 300; k > 0; k--) t = k * (k - a) / (x + 2 * k + 1 - a - t);
    return gammaDensity(a, x) * x / (x + 1 - a - t);
  }
  function betaDensity(a, b, x) { return exp((a - 1) * log(x) + (b - 1) * Math.log1p(-x) - betaln(a, b)); }
  function betainc(a, b, x) {  // DLMF 8.17.22
    if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - betainc(b, a, 1 - x);
    for (var t = 1, m = 200; m > 0; m--) {
      var odd = -(a + m - 1) * (a + b + m - 1) * x / ((a + 2 * m - 2) * (a + 2 * m - 1)), even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      t = 1 + odd / (1 + even / t);
    }
    return betaDensity(a, b, x) * x * (1 - x) / a / t;
  }
  function student(df, t) { var half = 0.5 * betainc(0.5 * df, 0.5, df / (df + t * t)); return t < 0 ? half : 1 - half; }
  function studentDensity(df, t) { return exp(gammaln(0.5 * df + 0.5) - gammaln(0.5 * df) - 0.5 * log(df * PI) - (0.5 * df + 0.5) * Math.log1p(t * t / df)); }

  // Bessel's functions from their integrals (DLMF 10.9.1, 10.32.1, 10.32.9), by the trapezoidal rule, which for these has all digits;
  // J of large arguments from its asymptotic series.
  function J(n, x) {
    if (x < 0) return n % 2 ? -J(n, -x) : J(n, -x);
    if (x > 30) return hankel(n, x);
    for (var N = Math.ceil(abs(x)) + 60, sum = 0, k = 0; k < N; k++) sum += Math.cos(n * TAU * k / N - x * Math.sin(TAU * k / N));
    return sum / N;
  }
  function hankel(n, x) {  // DLMF 10.17.3
    for (var parts = [1, 0], a = 1, k = 1; k < 40; k++) {
      a *= (4 * n * n - (2 * k - 1) * (2 * k - 1)) / (k * 8 * x);
      parts[k % 2] += (k % 4 < 2 ? 1 : -1) * a;
    }
    var w = x - n * PI / 2 - PI / 4;
    return sqrt(2 / (PI * x)) * (Math.cos(w) * parts[0] - Math.sin(w) * parts[1]);
  }
  function scaledI(n, x) {
    for (var N = Math.ceil(8 * sqrt(abs(x))) + 60, sum = 0, k = 0; k < N; k++) sum += exp(x * Math.cos(TAU * k / N) - abs(x)) * Math.cos(n * TAU * k / N);
    return sum / N;
  }
  function I(n, x) { return exp(abs(x)) * scaledI(n, x); }
  function K(n, x) {
    if (!(x > 0)) return x === 0 ? Infinity : NaN;
    for (var h = 0.1, sum = 0.5 * exp(-x), t = h, term = 1; term > 1e-18 * sum; t += h) sum += (term = exp(-x * Math.cosh(t)) * Math.cosh(n * t));
    return h * sum;
  }
  function over(x, y) { return x === 0 ? 0 : x / y; }
  function xlogy(x, y) { return x === 0 && y === y ? 0 : x * log(y); }
  return {
    'special.erf': [erf, function (o, x) { return 2 / ROOT * exp(-x * x); }],
    'special.erfc': [erfc, function (o, x) { return -2 / ROOT * exp(-x * x); }],
    'special.erfi': [erfi, function (o, x) { return 2 / ROOT * exp(x * x); }],
    'special.erfcx': [erfcx, function (o, x) {  // 2x erfcx x − 2/√π, in the tail by its series, which does not cancel
      if (x < 4) return 2 * x * o - 2 / ROOT;
      for (var t = 0, k = 120; k > 0; k--) t = k / 2 / (x + t);
      return -2 * t * o;
    }],
    'special.erfinv': [erfinv, function (o) { return 0.5 * ROOT * exp(o * o); }],
    'special.erfcinv': [ends(erfcinv, 2, 0), function (o) { return -0.5 * ROOT * exp(o * o); }],
    'special.ndtr': [ndtr, function (o, x) { return density(x); }],
    'special.log_ndtr': [logNdtr, function (o, x) { return mills(x); }],
    'special.log_ndtr_slope': [mills, function (o, x) {
      if (x > -5) return -o * (x + o);
      for (var z = -x * Math.SQRT1_2, t = 0, k = 120; k > 0; k--) t = k / 2 / (z + t);
      return -o * t * Math.SQRT2;
    }],
    'special.ndtri': [ndtri, function (o) { return sqrt(TAU) * exp(0.5 * o * o); }],
    'special.digamma': [psi, function (o, x) { return x < 0 ? Math.pow(PI / sinPi(x), 2) - zeta(2, 1 - x) : zeta(2, x); }],
    'special.polygamma': [polygamma, null, function (o, n, x) { return polygamma(n + 1, x); }],
    'special.zeta': [zeta, null, function (o, s, q) { return -s * zeta(s + 1, q); }],
    'special.gammaln': [gammaln, function (o, x) { return psi(x); }],
    'special.gamma': [gamma, function (o, x) { return o * psi(x); }],
    'special.rgamma': [function (x) { return x <= 0 && x === Math.floor(x) ? 0 : 1 / gamma(x); }, function (o, x) { return -o * psi(x); }],
    'special.gammasgn': [sign, none],
    'special.beta': [beta, function (o, a, b) { return o * (psi(a) - psi(a + b)); }, function (o, a, b) { return o * (psi(b) - psi(a + b)); }],
    'special.betaln': [betaln, function (o, a, b) { return psi(a) - psi(a + b); }, function (o, a, b) { return psi(b) - psi(a + b); }],
    'special.gamma_density': [gammaDensity, function (o, a, x) { return o * (log(x) - psi(a)); }, function (o, a, x) { return o * ((a - 1 - x) / x); }],
    'special.gammainc': [gammainc, null, function (o, a, x) { return gammaDensity(a, x); }],
    'special.gammaincc': [gammaincc, null, function (o, a, x) { return -gammaDensity(a, x); }],
    'special.betainc': [betainc, null, null, function (o, a, b, x) { return betaDensity(a, b, x); }],
    'special.stdtr': [student, null, function (o, df, t) { return studentDensity(df, t); }],
    'special.xlogy': [xlogy, function (o, x, y) { return log(y); }, function (o, x, y) { return over(x, y); }],
    'special.xlog1py': [function (x, y) { return x === 0 && y === y ? 0 : x * Math.log1p(y); }, function (o, x, y) { return Math.log1p(y); }, function (o, x, y) { return over(x, 1 + y); }],
    'special.entr': [function (x) { return x > 0 ? -x * log(x) : x === 0 ? 0 : x < 0 ? -Infinity : NaN; }, function (o, x) { return -log(x) - 1; }],
    'special.rel_entr': [function (x, y) { return x > 0 && y > 0 ? x * log(x / y) : x === 0 && y >= 0 ? 0 : x !== x || y !== y ? NaN : Infinity; },
      function (o, x, y) { return log(x / y) + 1; }, function (o, x, y) { return -over(x, y); }],
    'special.kl_div': [function (x, y) { return x > 0 && y > 0 ? x * log(x / y) - x + y : x === 0 && y >= 0 ? y : x !== x || y !== y ? NaN : Infinity; },
      function (o, x, y) { return log(x / y); }, function (o, x, y) { return (y - x) / y; }],
    'special.j0': [function (x) { return J(0, x); }, function (o, x) { return -J(1, x); }],
    'special.j1': [function (x) { return J(1, x); }, function (o, x) { return 0.5 * (J(0, x) - J(2, x)); }],
    'special.i0': [function (x) { return I(0, x); }, function (o, x) { return I(1, x); }],
    'special.i1': [function (x) { return I(1, x); }, function (o, x) { return 0.5 * (I(0, x) + I(2, x)); }],
    'special.i0e': [function (x) { return scaledI(0, x); }, function (o, x) { return scaledI(1, x) - Math.sign(x) * o; }],
    'special.i1e': [function (x) { return scaledI(1, x); }, function (o, x) { return 0.5 * (scaledI(0, x) + scaledI(2, x)) - Math.sign(x) * o; }],
    'special.k0': [function (x) { return K(0, x); }, function (o, x) { return -K(1, x); }],
    'special.k1': [function (x) { return K(1, x); }, function (o, x) { return -0.5 * (K(0, x) + K(2, x)); }]
  };
});
