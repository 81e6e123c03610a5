// The page's own arithmetic: values and gradients of the graph that a picture shows, recomputed when a number in it is changed.
//
// A program is a list of nodes, parents first: {o: op, p: parents, s: shape, ...}. Whatever only moves entries (broadcasting, reshape,
// transpose, indexing, joining) arrives as a "gather" with the places written out, and what goes along an axis with the group of each
// entry, so that the rules below are few: a table of elementwise functions with their partials, sums over groups, and the matrix product.
// Rules that few pictures need stand in rules/, a file a subject, of which a page gets those it needs; Python knows by the names at the
// beginning of a line, four spaces in, which rule is where. Python's engine is the truth: tests/draw/test_interpreter.py holds these
// rules against it, op by op and on random graphs.
'use strict';
var CGraphInterpreter = (function () {
  var exp = Math.exp, log = Math.log, abs = Math.abs, one = function () { return 1; }, zero = function () { return 0; };
  function sigmoid(x) { var s = exp(-abs(x)); return x < 0 ? s / (1 + s) : 1 / (1 + s); }
  function sigmoidSlope(x) { var s = exp(-abs(x)); return s / ((1 + s) * (1 + s)); }
  function softplus(x) { return Math.max(x, 0) + Math.log1p(exp(-abs(x))); }
  function tanhSlope(x) { var c = 1 / Math.cosh(x); return c * c; }
  // C's pow, which says 1 where JavaScript says NaN.
  function power(a, b) { return a === 1 || (a === -1 && abs(b) === Infinity) ? 1 : Math.pow(a, b); }
  function step(a, b) { return a !== a || b !== b ? NaN : a === b ? 0.5 : a > b ? 1 : 0; }
  function share01(a, b) { return a === b ? 0.5 : sigmoid(a - b); }
  function stableBce(z, y) {
    var weight = z < 0 ? y : 1 - y, tail = Math.log1p(exp(-abs(z)));
    return weight === 0 ? tail : tail + weight * abs(z);
  }
  function stableBceSlope(z, y) {
    var s = exp(-abs(z)), below = 1 + s, q = s / below;
    q -= q * (s - (below - 1));
    return z < 0 ? q - y : 1 - y - q;
  }
  function erfc(x) {  // a series near 0, a continued fraction in the tail: to the last digits (Abramowitz and Stegun 7.1.6 and 7.1.14)
    var k, t, sum;
    if (x !== x) return NaN;
    if (abs(x) < 2.5) {
      for (t = sum = x, k = 1; abs(t) > 1e-18 * abs(sum); k++) sum += (t *= 2 * x * x / (2 * k + 1));
      t = 2 / Math.sqrt(Math.PI) * exp(-x * x) * sum;
      return 1 - t;
    }
    if (x < 0) return 2 - erfc(-x);
    if (x > 27.3) return 0;
    for (t = x, k = 120; k > 0; k--) t = x + k / 2 / t;
    return exp(-x * x) / Math.sqrt(Math.PI) / t;
  }
  function normal(x) { return 0.5 * erfc(-x * Math.SQRT1_2); }
  function density(x) { return exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI); }
  function geluSlope(x) { return normal(x) + x * density(x); }
  function rint(x) {  // halves to even
    var r = Math.round(x);
    return abs(x) < 4503599627370496 && abs(x - Math.trunc(x)) === 0.5 ? 2 * Math.round(x / 2) : abs(x) < 4503599627370496 ? r : x;
  }
  function remainder(a, b) { var m = a % b; return m !== 0 && m === m && (m < 0) !== (b < 0) ? m + b : m; }
  function floorDivide(a, b) {  // as NumPy, by way of the remainder
    if (b === 0) return a / b;
    var m = a % b, d = (a - m) / b, whole;
    if (m !== 0 && (m < 0) !== (b < 0)) d -= 1;
    if (d === 0 || d !== d) return d;
    whole = Math.floor(d);
    return d - whole > 0.5 ? whole + 1 : whole;
  }
  function negative(x) { return x < 0 || (x === 0 && 1 / x < 0); }
  function nanStep(a, b) { return a !== a || b !== b ? +(a === a) : step(a, b); }
  function sinc(x) {
    var whole = rint(x);
    return x === 0 ? 1 : Math.sin(Math.PI * (x - whole)) * (1 - 2 * abs(whole % 2)) / (Math.PI * x);
  }
  function sincSlope(o, x) {
    if (x * x >= 0.09 || x !== x) return (Math.cos(Math.PI * x) - o) / x;
    var t = Math.PI * x * Math.PI * x, sum = 0, k, factorial = 1, terms = [];
    for (k = 1; k < 11; k++) terms.push((k % 2 ? -1 : 1) * 2 * k / (factorial *= 2 * k * (2 * k + 1)));
    for (k = 9; k >= 0; k--) sum = sum * t + terms[k];
    return Math.PI * Math.PI * x * sum;
  }
  function turn(x, y) { var size = Math.hypot(x, y); if (size === 0) size = 1; return x / size / size; }
  function weightedBce(z, y, w) {
    var weight = z < 0 ? w * y : 1 - y, tail = Math.log1p(exp(-abs(z)));
    return (w * y + (1 - y)) * tail + (weight === 0 ? 0 : weight * abs(z));
  }
  function weightedBceSlope(z, y, w) {
    var up = exp(Math.min(z, 0)), down = exp(-Math.max(z, 0));
    return ((1 - y) * up - w * y * down) / (up + down);
  }
  function bit(f) { return function (a, b) { return +f(a, b); }; }

  // name: [function, partial for each parent: (out, ...operands) -> number; null where there is no derivative]
  var ELEMENTWISE = {
    add: [function (a, b) { return a + b; }, one, one],
    subtract: [function (a, b) { return a - b; }, one, function () { return -1; }],
    multiply: [function (a, b) { return a * b; }, function (o, a, b) { return b; }, function (o, a) { return a; }],
    divide: [function (a, b) { return a / b; }, function (o, a, b) { return 1 / b; }, function (o, a, b) { return -o / b; }],
    negative: [function (a) { return -a; }, function () { return -1; }],
    power: [power, function (o, a, b) { return b * (b === 0 && abs(a) < 2.2250738585072014e-308 ? 1 : power(a, b - 1)); },
      function (o, a) { return o * log(a === 0 ? 1 : a); }],
    square: [function (a) { return a * a; }, function (o, a) { return 2 * a; }],
    sqrt: [Math.sqrt, function (o) { return 0.5 / o; }],
    reciprocal: [function (a) { return 1 / a; }, function (o) { return -o * o; }],
    exp: [exp, function (o) { return o; }],
    expm1: [Math.expm1, function (o, a) { return exp(a); }],
    log: [log, function (o, a) { return 1 / a; }],
    log1p: [Math.log1p, function (o, a) { return 1 / (1 + a); }],
    sin: [Math.sin, function (o, a) { return Math.cos(a); }],
    cos: [Math.cos, function (o, a) { return -Math.sin(a); }],
    tan: [Math.tan, function (o) { return 1 + o * o; }],
    arcsin: [Math.asin, function (o, a) { return 1 / Math.sqrt((1 - a) * (1 + a)); }],
    arccos: [Math.acos, function (o, a) { return -1 / Math.sqrt((1 - a) * (1 + a)); }],
    arctan: [Math.atan, function (o, a) { return 1 / (1 + a * a); }],
    sinh: [Math.sinh, function (o, a) { return Math.cosh(a); }],
    cosh: [Math.cosh, function (o, a) { return Math.sinh(a); }],
    tanh: [Math.tanh, function (o, a) { return tanhSlope(a); }],
    tanh_slope: [tanhSlope, function (o, a) { return -2 * o * Math.tanh(a); }],
    sigmoid: [sigmoid, function (o, a) { return sigmoidSlope(a); }],
    sigmoid_slope: [sigmoidSlope, function (o, a) { return -o * Math.tanh(a / 2); }],
    softplus: [softplus, function (o, a) { return sigmoid(a); }],
    relu: [function (a) { return Math.max(a, 0); }, function (o, a) { return a > 0 ? 1 : 0; }],
    abs: [abs, function (o, a) { return Math.sign(a); }],
    sign: [Math.sign, function () { return 0; }],
    step: [step, function () { return 0; }, function () { return 0; }],
    maximum: [function (a, b) { return Math.max(a, b); }, function (o, a, b) { return step(a, b); }, function (o, a, b) { return step(b, a); }],
    minimum: [function (a, b) { return Math.min(a, b); }, function (o, a, b) { return step(b, a); }, function (o, a, b) { return step(a, b); }],
    clip: [function (x, l, h) { return Math.min(Math.max(x, l), h); },
      function (o, x, l, h) { return step(x, l) * step(h, Math.max(x, l)); },
      function (o, x, l, h) { return step(l, x) * step(h, Math.max(x, l)); },
      function (o, x, l, h) { return step(Math.max(x, l), h); }],
    bce: [function (p, y) { return -(y * log(p) + (1 - y) * log(1 - p)); },
      function (o, p, y) { return (1 - y) / (1 - p) - y / p; }, function (o, p) { return log(1 - p) - log(p); }],
    stable_bce: [stableBce, function (o, z, y) { return stableBceSlope(z, y); }, function (o, z) { return -z; }],
    stable_bce_slope: [stableBceSlope, function (o, z) { return sigmoidSlope(z); }, function () { return -1; }],
    mse: [function (p, y) { return 0.5 * (p - y) * (p - y); }, function (o, p, y) { return p - y; }, function (o, p, y) { return y - p; }],
    log_sigmoid: [function (a) { return Math.min(a, 0) - Math.log1p(exp(-abs(a))); }, function (o, a) { return sigmoid(-a); }],
    logit: [function (p) { return abs(p - 0.5) < 0.25 ? Math.log1p((2 * p - 1) / (1 - p)) : log(p / (1 - p)); },
      function (o, p) { return 1 / (p * (1 - p)); }],
    log1mexp: [function (a) { return a > -Math.LN2 ? log(-Math.expm1(a)) : Math.log1p(-exp(a)); },
      function (o, a) { return -1 / Math.expm1(-a); }],
    logaddexp: [function (a, b) { return a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(exp(-abs(a - b))); },
      function (o, a, b) { return share01(a, b); }, function (o, a, b) { return share01(b, a); }],
    logaddexp_slope: [share01, function (o, a, b) { return sigmoidSlope(a - b); }, function (o, a, b) { return -sigmoidSlope(a - b); }],
    where: [function (c, a, b) { return c !== 0 ? a : b; }, null, function (o, c) { return c !== 0 ? 1 : 0; }, function (o, c) { return c !== 0 ? 0 : 1; }],
    leaky_relu: [function (x, s) { return x > 0 ? x : x * s; }, function (o, x, s) { return x > 0 ? 1 : s; }, function (o, x) { return x > 0 ? 0 : x; }],
    elu: [function (x, s) { return x > 0 ? x : s * Math.expm1(x); }, function (o, x, s) { return x > 0 ? 1 : s * exp(x); },
      function (o, x) { return x > 0 ? 0 : Math.expm1(x); }],
    silu: [function (x) { return x * sigmoid(x); }, function (o, x) { return sigmoid(x) + x * sigmoidSlope(x); }],
    mish: [function (x) { return x * Math.tanh(softplus(x)); },
      function (o, x) { var s = softplus(x); return Math.tanh(s) + x * sigmoid(x) * tanhSlope(s); }],
    softsign: [function (x) { return x / (1 + abs(x)); }, function (o, x) { return 1 / ((1 + abs(x)) * (1 + abs(x))); }],
    gelu: [function (x) { return x * normal(x); }, function (o, x) { return geluSlope(x); }],
    gelu_slope: [geluSlope, function (o, x) { return exp(-0.5 * x * x) * ((2 - x * x) / Math.sqrt(2 * Math.PI)); }],
    pos_weighted_bce: [weightedBce, function (o, z, y, w) { return weightedBceSlope(z, y, w); },
      function (o, z, y, w) { return w * softplus(-z) - softplus(z); }, function (o, z, y) { return y * softplus(-z); }],
    pos_weighted_bce_slope: [weightedBceSlope, function (o, z, y, w) { return (1 - y + w * y) * sigmoidSlope(z); },
      function (o, z, y, w) { return -(sigmoid(z) + w * sigmoid(-z)); }, function (o, z, y) { return -y * sigmoid(-z); }],
    floor: [Math.floor, zero],
    ceil: [Math.ceil, zero],
    trunc: [Math.trunc, zero],
    rint: [rint, zero],
    positive: [function (a) { return a; }, one],
    remainder: [remainder, one, function (o, a, b) { return -floorDivide(a, b); }],
    fmod: [function (a, b) { return a % b; }, one, function (o, a, b) { return -Math.trunc(a / b); }],
    floor_divide: [floorDivide, zero, zero],
    copysign: [function (a, b) { return negative(b) ? -abs(a) : abs(a); }, function (o, a) { return Math.sign(o) * Math.sign(a); }, zero],
    heaviside: [function (x, h) { return x === 0 ? h : x !== x ? x : +(x > 0); }, zero, function (o, x) { return 1 - abs(Math.sign(x)); }],
    fmax: [function (a, b) { return a !== a ? b : b !== b ? a : Math.max(a, b); }, function (o, a, b) { return nanStep(a, b); },
      function (o, a, b) { return nanStep(b, a); }],
    fmin: [function (a, b) { return a !== a ? b : b !== b ? a : Math.min(a, b); }, function (o, a, b) { return nanStep(-a, -b); },
      function (o, a, b) { return nanStep(-b, -a); }],
    log2: [Math.log2, function (o, x) { return 1 / Math.LN2 / x; }],
    log10: [Math.log10, function (o, x) { return 1 / Math.LN10 / x; }],
    exp2: [function (x) { return Math.pow(2, x); }, function (o) { return o * Math.LN2; }],
    cbrt: [Math.cbrt, function (o) { return 1 / 3 / (o * o); }],
    arcsinh: [Math.asinh, function (o, x) { return 1 / Math.hypot(x, 1); }],
    arccosh: [Math.acosh, function (o, x) { return 1 / (Math.sqrt(x - 1) * Math.sqrt(x + 1)); }],
    arctanh: [Math.atanh, function (o, x) { return 1 / ((1 - x) * (1 + x)); }],
    sinc: [sinc, sincSlope],
    hypot: [function (a, b) { return Math.hypot(a, b); }, function (o, a) { return a / (o === 0 ? 1 : o); }, function (o, a, b) { return b / (o === 0 ? 1 : o); }],
    arctan2: [Math.atan2, function (o, y, x) { return turn(x, y); }, function (o, y, x) { return -turn(y, x); }],
    logaddexp2: [function (a, b) { return a === b ? a + 1 : Math.max(a, b) + Math.log1p(exp(-Math.LN2 * abs(a - b))) / Math.LN2; },
      function (o, a, b) { return share01(Math.LN2 * a, Math.LN2 * b); }, function (o, a, b) { return share01(Math.LN2 * b, Math.LN2 * a); }],
    deg2rad: [function (x) { return x * (Math.PI / 180); }, function () { return Math.PI / 180; }],
    rad2deg: [function (x) { return x * (180 / Math.PI); }, function () { return 180 / Math.PI; }],
    trunc_int: [Math.trunc, null],
    nonzero: [bit(function (a) { return a !== 0; }), null],
    isnan: [bit(function (a) { return a !== a; }), null],
    isinf: [bit(function (a) { return abs(a) === Infinity; }), null],
    isfinite: [bit(isFinite), null],
    signbit: [bit(negative), null],
    logical_xor: [bit(function (a, b) { return (a !== 0) !== (b !== 0); }), null, null],
    less: [bit(function (a, b) { return a < b; }), null, null],
    less_equal: [bit(function (a, b) { return a <= b; }), null, null],
    greater: [bit(function (a, b) { return a > b; }), null, null],
    greater_equal: [bit(function (a, b) { return a >= b; }), null, null],
    equal: [bit(function (a, b) { return a === b; }), null, null],
    not_equal: [bit(function (a, b) { return a !== b; }), null, null],
    logical_and: [bit(function (a, b) { return a !== 0 && b !== 0; }), null, null],
    logical_or: [bit(function (a, b) { return a !== 0 || b !== 0; }), null, null],
    logical_not: [bit(function (a) { return a === 0; }), null]
  };

  function size(s) { return s.reduce(function (a, b) { return a * b; }, 1); }
  function zeros(n) { return new Float64Array(n); }
  function perGroup(node, x, start, f) {  // one number a group, folded over its entries in order
    var out = zeros(node.n).fill(start), k;
    for (k = 0; k < x.length; k++) out[node.g ? node.g[k] : 0] = f(out[node.g ? node.g[k] : 0], x[k]);
    return out;
  }
  function spread(node, u, n, f) {  // an upstream handed to every entry of its group
    var r = zeros(n), k;
    for (k = 0; k < n; k++) r[k] = f(u[node.g ? node.g[k] : 0], k, node.g ? node.g[k] : 0);
    return r;
  }
  function plus(a, b) { return a + b; }
  function extreme(pick) {
    return {
      value: function (node, x) { return perGroup(node, x[0], pick(-Infinity, Infinity) === Infinity ? -Infinity : Infinity, pick); },
      vjp: function (node, i, u, out, x) {  // ties share equally
        var hit = spread(node, out, x[0].length, function (top, k) { return x[0][k] === top ? 1 : 0; }), many = perGroup(node, hit, 0, plus);
        return spread(node, u, x[0].length, function (v, k, g) { return hit[k] / many[g] * v; });
      }
    };
  }
  function softmax(node, x) {
    var top = perGroup(node, x, -Infinity, Math.max);
    var e = spread(node, top, x.length, function (t, k) { return exp(x[k] - (isFinite(t) ? t : 0)); }), total = perGroup(node, e, 0, plus);
    return spread(node, total, x.length, function (t, k) { return e[k] / t; });
  }
  // Stacks of matrices: C[.., i, j] = sum over k of A[.., i, k] B[.., k, j]; vectors are rows or columns.
  function sizes(node, shapes) {
    var a = shapes[0].length === 1 ? [1].concat(shapes[0]) : shapes[0], b = shapes[1].length === 1 ? shapes[1].concat([1]) : shapes[1];
    return { m: a[a.length - 2], k: a[a.length - 1], n: b[b.length - 1], t: size(a.slice(0, -2)) };
  }
  function product(d, each, n) {
    var r = zeros(n), t, i, j, k;
    for (t = 0; t < d.t; t++) for (i = 0; i < d.m; i++) for (k = 0; k < d.k; k++) for (j = 0; j < d.n; j++)
      each(r, (t * d.m + i) * d.k + k, (t * d.k + k) * d.n + j, (t * d.m + i) * d.n + j);
    return r;
  }
  var RULES = {
    gather: {
      value: function (node, x) {
        var all = x.length === 1 ? x[0] : [].concat.apply([], x.map(function (a) { return Array.from(a); }));
        var fill = Number(node.z || 0);
        return node.m ? Float64Array.from(node.m, function (j) { return j < 0 ? fill : all[j]; }) : Float64Array.from(all);
      },
      vjp: function (node, i, u, out, x) {
        var start = 0, r = zeros(x[i].length), k, j;
        for (k = 0; k < i; k++) start += x[k].length;
        for (k = 0; k < u.length; k++) { j = (node.m ? node.m[k] : k) - start; if (j >= 0 && j < r.length) r[j] += u[k]; }
        return r;
      }
    },
    spread: {  // entries added up where the list says
      value: function (node, x) {
        var r = zeros(size(node.s)), k;
        for (k = 0; k < x[0].length; k++) if (node.m[k] >= 0) r[node.m[k]] += x[0][k];
        return r;
      },
      vjp: function (node, i, u) { return Float64Array.from(node.m, function (j) { return j < 0 ? 0 : u[j]; }); }
    },
    linear: {  // a matrix of constants, row by row
      value: function (node, x) {
        var n = x[0].length;
        return zeros(size(node.s)).map(function (_, r) { var t = 0, k; for (k = 0; k < n; k++) t += node.a[r * n + k] * x[0][k]; return t; });
      },
      vjp: function (node, i, u, out, x) {
        var n = x[0].length;
        return zeros(n).map(function (_, k) { var t = 0, r; for (r = 0; r < u.length; r++) t += node.a[r * n + k] * u[r]; return t; });
      }
    },
    sum: {
      value: function (node, x) { return perGroup(node, x[0], 0, plus); },
      vjp: function (node, i, u, out, x) { return spread(node, u, x[0].length, function (v) { return v; }); }
    },
    mean: {
      value: function (node, x) { return perGroup(node, x[0], 0, plus).map(function (v) { return v * node.n / x[0].length; }); },
      vjp: function (node, i, u, out, x) { return spread(node, u, x[0].length, function (v) { return v * node.n / x[0].length; }); }
    },
    max: extreme(Math.max),
    min: extreme(Math.min),
    prod: {
      value: function (node, x) { return perGroup(node, x[0], 1, function (a, b) { return a * b; }); },
      vjp: function (node, i, u, out, x) {  // the product of the others, without dividing
        return spread(node, u, x[0].length, function (v, k, g) {
          var p = v, j;
          for (j = 0; j < x[0].length; j++) if (j !== k && (node.g ? node.g[j] : 0) === g) p *= x[0][j];
          return p;
        });
      }
    },
    softmax: {
      value: function (node, x) { return softmax(node, x[0]); },
      vjp: function (node, i, u, out) {
        var total = perGroup(node, out.map(function (o, k) { return o * u[k]; }), 0, plus);
        return spread(node, total, out.length, function (t, k) { return out[k] * (u[k] - t); });
      }
    },
    logsumexp: {
      value: function (node, x) {
        var top = perGroup(node, x[0], -Infinity, Math.max).map(function (t) { return isFinite(t) ? t : 0; });
        var e = spread(node, top, x[0].length, function (t, k) { return exp(x[0][k] - t); });
        return perGroup(node, e, 0, plus).map(function (v, g) { return log(v) + top[g]; });
      },
      vjp: function (node, i, u, out, x) { var w = softmax(node, x[0]); return spread(node, u, w.length, function (v, k) { return v * w[k]; }); }
    },
    log_softmax: {
      value: function (node, x) {
        var top = perGroup(node, x[0], -Infinity, Math.max).map(function (t) { return isFinite(t) ? t : 0; });
        var away = spread(node, top, x[0].length, function (t, k) { return x[0][k] - t; });
        var total = perGroup(node, away.map(exp), 0, plus);
        return spread(node, total, away.length, function (t, k) { return away[k] - log(t); });
      },
      vjp: function (node, i, u, out, x) {
        var w = softmax(node, x[0]), total = perGroup(node, u, 0, plus);
        return spread(node, total, w.length, function (t, k) { return u[k] - w[k] * t; });
      }
    },
    cumsum: {
      value: function (node, x) { var sum = zeros(node.n); return x[0].map(function (v, k) { return (sum[node.g ? node.g[k] : 0] += v); }); },
      vjp: function (node, i, u) {
        var sum = zeros(node.n), r = zeros(u.length), k;
        for (k = u.length - 1; k >= 0; k--) r[k] = sum[node.g ? node.g[k] : 0] += u[k];
        return r;
      }
    },
    matmul: {
      value: function (node, x, shapes) {
        return product(sizes(node, shapes), function (r, a, b, c) { r[c] += x[0][a] * x[1][b]; }, size(node.s));
      },
      vjp: function (node, i, u, out, x, shapes) {
        return product(sizes(node, shapes), i === 0 ? function (r, a, b, c) { r[a] += u[c] * x[1][b]; }
          : function (r, a, b, c) { r[b] += x[0][a] * u[c]; }, x[i].length);
      }
    }
  };

  function value(nodes, node, V, exact) {
    if (!node.o) return node.d;
    var x = node.p.map(function (j) { return V[j]; }), rule = ELEMENTWISE[node.o], k;
    if (!rule) return RULES[node.o].value(node, x, node.p.map(function (j) { return nodes[j].s; }), exact);
    var out = zeros(size(node.s)), f = rule[0], a = x[0], b = x[1], c = x[2];
    var ia = a.length > 1, ib = b && b.length > 1, ic = c && c.length > 1;  // a scalar meets every entry
    for (k = 0; k < out.length; k++) out[k] = f(a[ia ? k : 0], b && b[ib ? k : 0], c && c[ic ? k : 0]);
    return out;
  }
  function share(nodes, n, i, u, V, exact) {
    var node = nodes[n], x = node.p.map(function (j) { return V[j]; }), rule = ELEMENTWISE[node.o], k;
    if (!rule) return RULES[node.o].vjp(node, i, u, V[n], x, node.p.map(function (j) { return nodes[j].s; }), exact);
    var r = zeros(x[i].length), one_ = r.length === 1 && u.length > 1, p = rule[i + 1], a = x[0], b = x[1], c = x[2];
    for (k = 0; k < u.length; k++) {
      var local = p(V[n][k], a[a.length > 1 ? k : 0], b && b[b.length > 1 ? k : 0], c && c[c.length > 1 ? k : 0]);
      // An unselected branch of `where` gets zero, also where the upstream is not finite.
      r[one_ ? 0 : k] += node.o === 'where' && local === 0 ? 0 : u[k] * local;
    }
    return r;
  }
  // A float32 node has its entries rounded to float32, values and gradients alike; a difference quotient does without.
  function rounded(node, a, exact) { return node.f && !exact ? Float64Array.from(Float32Array.from(a)) : a; }
  function forward(nodes, given, exact) {  // all values, of which some may be given
    var V = [], n;
    for (n = 0; n < nodes.length; n++) V[n] = rounded(nodes[n], given && given[n] ? given[n] : value(nodes, nodes[n], V, exact), exact);
    return V;
  }
  function reverse(nodes, V, C, exact, inside) {  // from the upstream gradients in C down to the leaves, or as far as `inside` says
    for (var n = C.length - 1; n >= 0; n--) {
      if (!C[n] || !nodes[n].o || (inside && !inside[n])) continue;
      for (var i = 0; i < nodes[n].p.length; i++) {
        var j = nodes[n].p[i];
        if (!nodes[n].b[i] || !nodes[j].w) continue;
        var part = share(nodes, n, i, C[n], V, exact);
        if (C[j]) for (var k = 0; k < part.length; k++) part[k] += C[j][k];
        C[j] = rounded(nodes[j], part, exact);
      }
    }
    return C;
  }

  // Everything about one program with its leaves as they stand: values V, gradients G, and on demand local gradients and shares.
  function compute(program, change) {
    var nodes = program.nodes, V = forward(nodes, change, program.exact), G = [];
    function back(from, seed, inside) {
      var C = [];
      C[from] = seed;
      return reverse(nodes, V, C, program.exact, inside);
    }
    if (program.seed) {
      G = back(program.root, Float64Array.from(program.seed, Number));
      // Reached only through what has no derivative: the engine says zero.
      nodes.forEach(function (node, k) { if (node.w && !G[k]) G[k] = zeros(V[k].length); });
    }
    var kept = {};
    function through(c, seed) {
      var inside = {};
      program.cards[c].n.forEach(function (m) { inside[m] = true; });
      return back(program.cards[c].r, seed, inside);
    }
    function card(c, seed, key) { return kept[key + c] || (kept[key + c] = through(c, seed)); }
    return {
      V: V, G: G,
      // of a card: its local gradient for an operand (applied to ones), and what it hands to it
      local: function (c, j) { return card(c, zeros(V[program.cards[c].r].length).fill(1), 'l')[j]; },
      handed: function (c, j, u) { return through(c, Float64Array.from(u))[j]; },
      share: function (c, j) { var u = G[program.cards[c].r]; return u && card(c, Float64Array.from(u), 's')[j]; },
      localAt: function (m, i) { return share(nodes, m, i, zeros(V[m].length).fill(1), V, program.exact); },
      shareAt: function (m, i) { return G[m] && share(nodes, m, i, G[m], V, program.exact); }
    };
  }
  // A card once more with other numbers, such as those that are printed: what it computes, or, of an upstream gradient `u`, what it hands
  // to an operand. `given` are values of its operands, and of its result where its derivative is written with that.
  function replay(program, c, model, given, u, operand) {
    var card = program.cards[c], r = card.r, node = program.nodes[r], change = model.V.slice(), inverse = { sigmoid: ELEMENTWISE.logit[0], tanh: Math.atanh }[node.o];
    card.n.forEach(function (m) { change[m] = undefined; });
    for (var k in given) change[k] = given[k];
    if (given[r] && inverse && !given[node.p[0]]) change[node.p[0]] = given[r].map(inverse);
    var again = compute({ nodes: program.nodes, cards: program.cards, exact: true }, change);
    return u ? again.handed(c, operand, u) : again.V[r];
  }
  function load(program) {  // numbers as they come in JSON, where what is not finite is a word
    program.nodes.forEach(function (node) { if (node.d) node.d = Float64Array.from(node.d, Number); (node.bodies || []).forEach(load); });
  }
  // What a program needs and this page has no rule for.
  function missing(program) {
    var found = {};
    program.nodes.forEach(function (node) {
      if (node.o && !ELEMENTWISE[node.o] && !RULES[node.o]) found[node.o] = true;
      (node.bodies || []).forEach(function (body) { missing(body).forEach(function (o) { found[o] = true; }); });
    });
    return Object.keys(found);
  }
  // Rules of rules/: an array is an elementwise op, an object any other.
  function learn(make) {
    var found = make({
      size: size, zeros: zeros, plus: plus, perGroup: perGroup, spread: spread, softmax: softmax, logSoftmax: RULES.log_softmax.value, forward: forward, reverse: reverse,
      erfc: erfc, rint: rint, lines: function (node, n) {  // the entries of each group, in order
        var found = [], k;
        for (k = 0; k < (node.n || 1); k++) found.push([]);
        for (k = 0; k < n; k++) found[node.g ? node.g[k] : 0].push(k);
        return found;
      }
    });
    for (var name in found) (Array.isArray(found[name]) ? ELEMENTWISE : RULES)[name] = found[name];
  }
  // The central difference of the root at one entry of a leaf, extrapolated once, and how far it can be trusted.
  function difference(program, n, k, base) {
    var x = base.V[n][k], h = 6e-4 * Math.max(1, abs(x));
    function at(d) {
      var moved = Float64Array.from(base.V[n]), change = {};
      moved[k] = x + d; change[n] = moved;
      var v = compute({ nodes: program.nodes, cards: [], root: program.root, exact: true }, change).V[program.root], total = 0;
      for (var i = 0; i < v.length; i++) total += v[i] * (program.seed ? program.seed[i] : 1);
      return total;
    }
    var wide = (at(h) - at(-h)) / (2 * h), narrow = (at(h / 2) - at(-h / 2)) / h, best = narrow + (narrow - wide) / 3;
    return { value: best, error: abs(best - narrow) + 4e-16 * abs(at(0)) / h };
  }
  return { learn: learn, load: load, compute: compute, replay: replay, missing: missing, difference: difference, ELEMENTWISE: ELEMENTWISE, RULES: RULES };
})();
if (typeof module !== 'undefined') module.exports = CGraphInterpreter;
