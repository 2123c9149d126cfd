namespace Lia.Gpu.Tests.Compiler;

/// <summary>Every statement of the language computes on the device what it computes on the CLR.</summary>
public class ControlFlowTests
{
    private readonly struct NestedLoops : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            int n = x.A & 7, m = x.B & 7, sum = 0;
            for (int i = 0; i < n; i++)
            {
                for (int j = m; j >= 0; j -= 2) sum += i * 10 + j;
                for (int j = 0; j < 3; j++) sum ^= sum << j;
            }
            return sum;
        }
    }

    private readonly struct BreakAndContinue : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            int sum = 0;
            for (int i = 0; i < 20; i++)
            {
                if ((i & 3) == (x.A & 3)) continue;
                if (sum > (x.B & 127)) break;
                sum += i;
            }
            int k = 0;
            while (true)
            {
                if (++k * 3 > (x.A & 63)) break;
                if ((k & 1) == 0) continue;
                sum += k;
            }
            return sum * 100 + k;
        }
    }

    private readonly struct DoWhile : IFunction<int, int>
    {
        public int Apply(int x)
        {
            uint n = (uint)x & 0xffff;
            int steps = 0;
            do
            {
                n = (n & 1) == 0 ? n / 2 : 3 * n + 1;
                steps++;
            }
            while (n > 1 && steps < 50);
            return steps;
        }
    }

    private readonly struct ConstantLoopWithBreak : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            int found = -1, at = 0;
            for (int i = 0; i < 8; i++)
            {
                at = i;
                if (((x.A >> i) & 1) != 0)
                {
                    found = i * x.B;
                    break;
                }
            }
            return found + at * 1000;
        }
    }

    private readonly struct EarlyReturns : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x) => Classify(x.A, x.B) * 3 + Classify(x.B, 5);

        private static int Classify(int a, int b)
        {
            if (a < 0) return -1;
            for (int i = 0; i < 4; i++)
            {
                if (a == i * b) return i;
            }
            if (a > b)
            {
                if (a > 1000) return 1000;
                return 10;
            }
            return 20;
        }
    }

    private readonly struct SwitchStatement : IFunction<int, int>
    {
        public int Apply(int x)
        {
            int r = 0;
            switch (x & 7)
            {
                case 0: r = 5; break;
                case 1: r = 7; goto case 3;
                case 2: return 99;
                case 3: r += 11; break;
                case 5:
                case 6: r = x; break;
                default: r = -1; break;
            }
            return r + (x switch { < -50 => 1, 0 or 1 => 2, > 60 and < 300 => 3, _ => 4 }) * 10;
        }
    }

    private readonly struct ShortCircuits : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            bool a = x.A > 0 && x.B > 0, b = x.A < -5 || (x.B < -5 && x.A != 7), c = a ^ b, d = !(a || c) & (x.A > x.B);
            int r = 0;
            if ((a && !b) || (c && x.A % 2 == 0)) r += 1;
            if (a | b) r += 2;
            r += d ? 4 : 8;
            bool kept = a;
            kept |= x.B == 3;
            kept &= x.A != 1;
            return kept ? r + 16 : r;
        }
    }

    private readonly struct Ternaries : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            int biggest = x.A > x.B ? x.A : x.B;
            return (x.A < 0 ? x.B < 0 ? 1 : 2 : x.B < 0 ? 3 : x.A == 0 ? 4 : 5) + biggest * (x.A > 10 ? 3 : x.B)
                + Twice(x.A > 3 ? x.A : -x.A, x.B > 2 ? 1 : 0);
        }

        private static int Twice(int a, int b) => a + a + b;
    }

    private struct Accumulator
    {
        public int Sum;
        public Inner Nested;

        public void Add(int x)
        {
            Sum += x;
            Nested.Count++;
            if (x > Nested.Largest) Nested.Largest = x;
        }

        public readonly int Mean => Nested.Count == 0 ? 0 : Sum / Nested.Count;
    }

    private struct Inner
    {
        public int Count;
        public int Largest;
    }

    private readonly struct MutableStructs : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            Accumulator a = default;
            for (int i = 0; i < 3; i++) a.Add(x.A >> i);
            Accumulator b = a;
            b.Add(x.B & 0xffff);
            b.Nested.Count += 2;
            Accumulator c = x.A > 0 ? a : b;
            return a.Mean + b.Mean * 3 + c.Nested.Largest;
        }
    }

    private readonly struct References : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            int a = x.A, b = x.B;
            Swap(ref a, ref b);
            Divide(a, 7, out int quotient, out int remainder);
            ref int alias = ref a;
            alias += 5;
            var p = new Inner { Count = x.A, Largest = x.B };
            ref int field = ref p.Largest;
            field ^= 3;
            Bump(ref p.Count);
            return a * 3 + b + quotient + remainder + p.Count + p.Largest + Peek(in x);
        }

        private static void Swap(ref int a, ref int b) => (a, b) = (b, a);

        private static void Divide(int a, int by, out int quotient, out int remainder)
        {
            quotient = a / by;
            remainder = a - quotient * by;
        }

        private static void Bump(ref int x) => x++;

        private static int Peek(in Pair<int> x) => x.A ^ x.B;
    }

    private readonly struct Tuples : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            (int low, int high) = Order(x.A, x.B);
            (low, high) = (high - 1, low + 1);
            return low * 7 + high;
        }

        private static (int Low, int High) Order(int a, int b) => a < b ? (a, b) : (b, a);
    }

    private readonly record struct Complex(float Re, float Im)
    {
        public static Complex operator *(Complex a, Complex b) => new(a.Re * b.Re - a.Im * b.Im, a.Re * b.Im + a.Im * b.Re);

        public static Complex operator +(Complex a, Complex b) => new(a.Re + b.Re, a.Im + b.Im);

        public static implicit operator Complex(float x) => new(x, 0f);

        public float Norm => Re * Re + Im * Im;
    }

    private readonly struct Operators : IFunction<Pair<float>, float>
    {
        public float Apply(Pair<float> x)
        {
            Complex c = new(x.A, x.B), z = 0f;
            for (int i = 0; i < 5; i++) z = z * z + c;
            return z.Norm;
        }
    }

    private readonly struct LocalFunctions : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            int scale = x.B & 15;
            return Scaled(x.A) + Plain(x.B) + Scaled(3);

            int Scaled(int v) => v * scale;

            static int Plain(int v) => v ^ 21;
        }
    }

    private interface IShape
    {
        int Size { get; }

        static abstract int Bias(int x);

        int Combine(int a, int b);
    }

    private readonly struct Small : IShape
    {
        public int Size => 3;

        public static int Bias(int x) => x + 1;

        public int Combine(int a, int b) => a - b;
    }

    private readonly struct Large : IShape
    {
        public int Size => 6;

        public static int Bias(int x) => x * 2;

        int IShape.Combine(int a, int b) => a ^ b;
    }

    private readonly struct Generics<TShape> : IFunction<Pair<int>, int> where TShape : struct, IShape
    {
        public int Apply(Pair<int> x)
        {
            int sum = TShape.Bias(x.A);
            for (int i = 0; i < default(TShape).Size; i++) sum = default(TShape).Combine(sum, x.B + i);
            if (typeof(TShape) == typeof(Small)) sum += 1000;
            return default(TShape).Size switch
            {
                3 => sum,
                6 => -sum,
                _ => throw new InvalidOperationException(),
            };
        }
    }

    private readonly struct StaticMath<T> : IFunction<Pair<T>, T> where T : System.Numerics.INumber<T>
    {
        public T Apply(Pair<T> x) => x.A * x.B + x.A - T.One;
    }

    private enum Color : byte { Red, Green = 7, Blue = 200 }

    private readonly struct Enums : IFunction<int, int>
    {
        public int Apply(int x)
        {
            Color c = (x & 3) switch { 0 => Color.Red, 1 => Color.Green, _ => Color.Blue };
            return (int)c + (c == Color.Green ? 1000 : 0) + (c > Color.Green ? 5 : 0);
        }
    }

    private readonly struct CollatzWithRefLocal : IFunction<Pair<int>, int>
    {
        public int Apply(Pair<int> x)
        {
            int even = 0, odd = 0;
            for (int i = 0; i < (x.A & 15); i++)
            {
                if (((x.B >> i) & 1) == 0) Bump(ref even, i);
                else Bump(ref odd, i * 2);
            }
            return even * 1000 + odd;
        }

        private static void Bump(ref int counter, int by)
        {
            if (by > 20) return;
            counter += by;
        }
    }

    private readonly struct PhiSwap : IFunction<Pair<int>, int>
    {
        // Values that trade places in every iteration: the moves at the loop's end are a cycle.
        public int Apply(Pair<int> x)
        {
            int a = x.A, b = x.B, c = 3;
            for (int i = 0; i < (x.A & 31); i++) (a, b, c) = (b, c, a);
            return a * 31 + b * 17 + c;
        }
    }

    [Fact] public void Nested_loops() => Differential.IntPairs<NestedLoops>();
    [Fact] public void Break_and_continue() => Differential.IntPairs<BreakAndContinue>();
    [Fact] public void Do_while() => Differential.Ints<DoWhile>();
    [Fact] public void A_constant_loop_that_may_be_left_early() => Differential.IntPairs<ConstantLoopWithBreak>();
    [Fact] public void Early_returns_from_inlined_calls() => Differential.IntPairs<EarlyReturns>();
    [Fact] public void Switch_statements_and_patterns() => Differential.Ints<SwitchStatement>();
    [Fact] public void Short_circuit_conditions() => Differential.IntPairs<ShortCircuits>();
    [Fact] public void Ternaries_as_arguments() => Differential.IntPairs<Ternaries>();
    [Fact] public void Mutable_and_nested_structs() => Differential.IntPairs<MutableStructs>();
    [Fact] public void References_to_locals_and_fields() => Differential.IntPairs<References>();
    [Fact] public void Tuples_returned_and_swapped() => Differential.IntPairs<Tuples>();
    [Fact] public void Operators_and_conversions_of_structs() =>
        Differential.Run<Operators, Pair<float>, float>(Differential.Pairs([0f, 0.5f, -0.75f, 0.1f, -1.25f]));
    [Fact] public void Local_functions_capturing_a_local() => Differential.IntPairs<LocalFunctions>();
    [Fact] public void Generic_constants_and_static_members_of_one_type() => Differential.IntPairs<Generics<Small>>();
    [Fact] public void Generic_constants_and_static_members_of_another() => Differential.IntPairs<Generics<Large>>();
    [Fact] public void Generic_mathematics() => Differential.FloatPairs<StaticMath<float>>();
    [Fact] public void Enumerations() => Differential.Ints<Enums>();
    [Fact] public void References_passed_from_both_branches() => Differential.IntPairs<CollatzWithRefLocal>();
    [Fact] public void Values_that_trade_places_in_a_loop() => Differential.IntPairs<PhiSwap>();
}
