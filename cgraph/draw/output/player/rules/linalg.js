// Small matrices, stack by stack: systems, inverses, determinants, Cholesky, norms, the exponential. Adjoints: Giles (2008).
'use strict';
CGraphInterpreter.learn(function (kit) {
  function eye(n) { return kit.zeros(n * n).map(function (_, k) { return k % (n + 1) ? 0 : 1; }); }
  function turned(a, m, n) { return kit.zeros(m * n).map(function (_, k) { return a[k % m * n + Math.floor(k / m)]; }); }
  function times(a, b, m, k, n) {
    return kit.zeros(m * n).map(function (_, p) { var t = 0, q; for (q = 0; q < k; q++) t += a[Math.floor(p / n) * k + q] * b[q * n + p % n]; return t; });
  }
  function minus(a) { return a.map(function (v) { return -v; }); }
  function keep(a, n, lower, offset) {  // a triangle, without the `offset` diagonals next to its edge
    return a.map(function (v, k) { var i = Math.floor(k / n), j = k % n; return (lower ? i - j : j - i) >= offset ? v : 0; });
  }
  function eliminated(a, n) {  // LU with row exchanges; the determinant, and a solver
    var m = Float64Array.from(a), rows = [], sign = 1, i, j, k;
    for (i = 0; i < n; i++) rows.push(i);
    for (k = 0; k < n; k++) {
      var top = k;
      for (i = k + 1; i < n; i++) if (Math.abs(m[i * n + k]) > Math.abs(m[top * n + k])) top = i;
      if (top !== k) {
        for (j = 0; j < n; j++) { var t = m[k * n + j]; m[k * n + j] = m[top * n + j]; m[top * n + j] = t; }
        t = rows[k]; rows[k] = rows[top]; rows[top] = t; sign = -sign;
      }
      for (i = k + 1; i < n; i++) {
        if (m[k * n + k] !== 0) m[i * n + k] /= m[k * n + k];
        for (j = k + 1; j < n; j++) m[i * n + j] -= m[i * n + k] * m[k * n + j];
      }
    }
    var pivots = rows.map(function (_, k) { return m[k * n + k]; });
    return {
      det: pivots.reduce(function (p, v) { return p * v; }, sign),
      sign: pivots.reduce(function (p, v) { return p * Math.sign(v); }, sign),
      log: pivots.reduce(function (t, v) { return t + Math.log(Math.abs(v)); }, 0),
      solve: function (b, w) {  // n rows, w columns
        var r = kit.zeros(n * w), c, i, j;
        for (c = 0; c < w; c++) {
          for (i = 0; i < n; i++) { var t = b[rows[i] * w + c]; for (j = 0; j < i; j++) t -= m[i * n + j] * r[j * w + c]; r[i * w + c] = t; }
          for (i = n - 1; i >= 0; i--) { t = r[i * w + c]; for (j = i + 1; j < n; j++) t -= m[i * n + j] * r[j * w + c]; r[i * w + c] = t / m[i * n + i]; }
        }
        return r;
      }
    };
  }
  function solve(a, b, n, w) { return eliminated(a, n).solve(b, w); }
  function cofactors(a, n) {  // by minors, so that singular matrices are right
    return a.map(function (_, k) {
      var i = Math.floor(k / n), j = k % n, minor = a.filter(function (_, q) { return Math.floor(q / n) !== i && q % n !== j; });
      return ((i + j) % 2 ? -1 : 1) * eliminated(minor, n - 1).det;
    });
  }
  function exponential(a, n) {  // Taylor's series of a small fraction, squared again
    var norm = a.reduce(function (t, v) { return Math.max(t, Math.abs(v)); }, 0) * n, halvings = Math.max(0, Math.ceil(Math.log2(norm || 1)) + 2), r = eye(n), term = r, k;
    var small = a.map(function (v) { return v / Math.pow(2, halvings); });
    for (k = 1; k < 20; k++) { term = times(term, small, n, n, n).map(function (v) { return v / k; }); r = r.map(function (v, j) { return v + term[j]; }); }
    for (k = 0; k < halvings; k++) r = times(r, r, n, n, n);
    return r;
  }
  // A rule that sees one matrix of a stack at a time: f(matrices, sizes [rows, columns] of each) -> the matrix, and of the vjp the share.
  function stacked(value, vjp) {
    function each(node, x, shapes, into, f, more) {
      var many = kit.size(shapes[0].slice(0, -2)), r = kit.zeros(into), one = into / (many || 1), t;
      var dims = shapes.map(function (s) { return s.slice(-2); });
      for (t = 0; t < many; t++) r.set(f(x.map(function (a) { return a.subarray(t * a.length / many, (t + 1) * a.length / many); }), dims, node, more.map(function (a) {
        return a.subarray(t * a.length / many, (t + 1) * a.length / many);
      })), t * one);
      return r;
    }
    return {
      value: function (node, x, shapes) { return each(node, x, shapes, kit.size(node.s), value, []); },
      vjp: function (node, i, u, out, x, shapes) {
        return each(node, x, shapes, x[i].length, function (x, dims, node, more) { return vjp(i, more[0], more[1], x, dims, node); }, [u, out]);
      }
    };
  }
  function halfLower(a, n) { return keep(a, n, true, 0).map(function (v, k) { return k % (n + 1) ? v : v / 2; }); }
  function triangle(a, n, node) {
    var half = keep(a, n, node.lower, node.unit ? 1 : 0);
    return node.unit ? half.map(function (v, k) { return k % (n + 1) ? v : 1; }) : half;
  }
  function size(a) { return Math.abs(a); }
  return {
    'linalg.inv': stacked(
      function (x, d) { var n = d[0][0]; return solve(x[0], eye(n), n, n); },
      function (i, u, out, x, d) { var n = d[0][0], t = turned(out, n, n); return minus(times(times(t, u, n, n, n), t, n, n, n)); }),
    'linalg.solve': stacked(
      function (x, d) { return solve(x[0], x[1], d[0][0], d[1][1]); },
      function (i, u, out, x, d) {
        var n = d[0][0], w = d[1][1], g = solve(turned(x[0], n, n), u, n, w);
        return i ? g : minus(times(g, turned(out, n, w), n, w, n));
      }),
    'linalg.solve_triangular': stacked(
      function (x, d, node) { return solve(triangle(x[0], d[0][0], node), x[1], d[0][0], d[1][1]); },
      function (i, u, out, x, d, node) {
        var n = d[0][0], w = d[1][1], g = solve(turned(triangle(x[0], n, node), n, n), u, n, w);
        return i ? g : keep(minus(times(g, turned(out, n, w), n, w, n)), n, node.lower, node.unit ? 1 : 0);
      }),
    'linalg.det': stacked(
      function (x, d) { return [eliminated(x[0], d[0][0]).det]; },
      function (i, u, out, x, d) { return cofactors(x[0], d[0][0]).map(function (v) { return v * u[0]; }); }),
    'linalg.slogdet': stacked(
      function (x, d) { var e = eliminated(x[0], d[0][0]); return [e.sign, e.log]; },
      function (i, u, out, x, d) { var n = d[0][0]; return solve(turned(x[0], n, n), eye(n), n, n).map(function (v) { return v * u[1]; }); }),
    'linalg.cholesky': stacked(
      function (x, d, node) {
        var n = d[0][0], a = node.upper ? turned(x[0], n, n) : x[0], l = kit.zeros(n * n), i, j, k;
        for (i = 0; i < n; i++) for (j = 0; j <= i; j++) {
          var t = a[i * n + j];
          for (k = 0; k < j; k++) t -= l[i * n + k] * l[j * n + k];
          l[i * n + j] = i === j ? Math.sqrt(t) : t / l[j * n + j];
        }
        return node.upper ? turned(l, n, n) : l;
      },
      function (i, u, out, x, d, node) {
        var n = d[0][0], l = node.upper ? turned(out, n, n) : out, t = turned(l, n, n), inner = halfLower(times(t, node.upper ? turned(u, n, n) : u, n, n, n), n);
        var outer = solve(t, turned(solve(t, turned(inner, n, n), n, n), n, n), n, n), back = turned(outer, n, n);
        return keep(outer.map(function (v, k) { return (v + back[k]) * (k % (n + 1) ? 1 : 0.5); }), n, !node.upper, 0);
      }),
    'linalg.expm': stacked(
      function (x, d) { return exponential(x[0], d[0][0]); },
      function (i, u, out, x, d) {  // the upper right quarter of exp [[Aᵀ, U], [0, Aᵀ]]
        var n = d[0][0], t = turned(x[0], n, n), big = kit.zeros(4 * n * n).map(function (_, k) {
          var r = Math.floor(k / (2 * n)), c = k % (2 * n);
          return r < n ? c < n ? t[r * n + c] : u[r * n + c - n] : c < n ? 0 : t[(r - n) * n + c - n];
        });
        return exponential(big, 2 * n).filter(function (_, k) { return k < 2 * n * n && k % (2 * n) >= n; });
      }),
    'linalg.norm': {
      value: function (node, x) {
        var p = node.q, least = p < 0, top = kit.perGroup(node, x[0].map(size), least ? Infinity : 0, least ? Math.min : Math.max).map(function (t) { return t > 0 && t < Infinity ? t : 1; });
        var powers = kit.spread(node, top, x[0].length, function (t, k) { return p === 2 ? x[0][k] / t * (x[0][k] / t) : Math.pow(size(x[0][k] / t), p); });
        return kit.perGroup(node, powers, 0, kit.plus).map(function (v, g) { return top[g] * (p === 2 ? Math.sqrt(v) : Math.pow(v, 1 / p)); });
      },
      vjp: function (node, i, u, out, x) {
        return kit.spread(node, u, x[0].length, function (v, k, g) {
          var r = x[0][k] / (out[g] === 0 ? 1 : out[g]);
          return v * (node.q === 2 ? r : r === 0 ? 0 : Math.sign(r) * Math.pow(size(r), node.q - 1));
        });
      }
    }
  };
});
