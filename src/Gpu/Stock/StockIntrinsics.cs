using System.Reflection;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;

namespace Lia.Gpu.Stock;

/// <summary>Makes the extensions of this library known to ILGPU's own compiler.</summary>
public static class StockIntrinsics
{
    // ILGPU's PTX names no target above it, so the assembler refuses what came later.
    private const int NewestSm = 80;

    private const BindingFlags All = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    // OpenCL C of those that kernels for any accelerator need.
    private static readonly Dictionary<string, string> s_openCL = new()
    {
        [nameof(Intrinsics.Fma)] = "fma",
        [nameof(Intrinsics.RoundToByte)] = "convert_uchar_sat_rte",
        [nameof(Intrinsics.Ex2Approx)] = "exp2",
        [nameof(Intrinsics.Lg2Approx)] = "log2",
        [nameof(Intrinsics.RsqrtApprox)] = "rsqrt",
        [nameof(Intrinsics.SqrtApprox)] = "sqrt",
        [nameof(Intrinsics.MulHigh)] = "mul_hi",
    };

    /// <summary>
    /// Lets ILGPU's compilers take <see cref="Intrinsics"/> in kernels, as <c>EnableAlgorithms()</c> does for <c>XMath</c>: on CUDA those
    /// that are plain arithmetic and need no device above compute capability 8.0, on OpenCL fused multiply-adds, roundings to bytes and a
    /// few functions; on ILGPU's processor accelerator the C# bodies run, which needs no registration. A kernel that calls another one is
    /// refused when it is compiled, with the intrinsic's name, unless the call is removed as unreachable.
    /// </summary>
    /// <param name="builder">Of an ILGPU context.</param>
    /// <returns>The builder.</returns>
    public static Context.Builder EnableLiaIntrinsics(this Context.Builder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        IntrinsicImplementationManager manager = builder.GetIntrinsicManager();
        PTXIntrinsic ptx = new(Own(nameof(GeneratePtx)), IntrinsicImplementationMode.GenerateCode, libDeviceRequired: false);
        CLIntrinsic openCL = new(Own(nameof(GenerateOpenCL)), IntrinsicImplementationMode.GenerateCode);
        foreach (MethodInfo method in typeof(Intrinsics).GetMethods(All))
        {
            // they are marked IntrinsicImplementation, too: of others ILGPU compiles the body
            if (method.GetCustomAttribute<PtxAttribute>() is null) continue;
            manager.RegisterMethod(method, ptx);
            manager.RegisterMethod(method, openCL);
        }
        return builder;

        static MethodInfo Own(string name) => typeof(StockIntrinsics).GetMethod(name, All)!;
    }

    // `name $d, $0, ...;` with any operands of these two kinds.
    private static void GeneratePtx(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        MethodCall call = (MethodCall)value;
        MethodBase method = call.Target.Source;
        PtxAttribute ptx = method.GetCustomAttribute<PtxAttribute>()!;
        string template = ptx.Template.TrimEnd(';');
        int space = template.IndexOf(' ');
        string[] operands = space < 0 ? [] : template[(space + 1)..].Split(", ");
        if (ptx.MinSm > NewestSm || template.Contains(';') || !operands.All(static operand => operand is "$d" or ['$', >= '0' and <= '9'])
            || UsesPredicates((MethodInfo)method))
            throw Refusal(method, "PTX");
        PTXCodeGenerator.HardwareRegister? result = operands.Contains("$d") ? generator.AllocateHardware(value) : null;
        using PTXCodeGenerator.CommandEmitter command = generator.BeginCommand(space < 0 ? template : template[..space]);
        foreach (string operand in operands)
        {
            if (operand == "$d") command.AppendArgument(result!);
            else command.AppendArgument(generator.LoadPrimitive(call[operand[1] - '0']));
        }
    }

    private static void GenerateOpenCL(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        MethodCall call = (MethodCall)value;
        MethodBase method = call.Target.Source;
        if (!s_openCL.TryGetValue(method.Name, out string? function) || ((MethodInfo)method).ReturnType == typeof(ILGPU.Half))
            throw Refusal(method, "OpenCL");
        var arguments = new CLCodeGenerator.Variable[call.Count];
        for (int i = 0; i < arguments.Length; i++) arguments[i] = generator.Load(call[i]);
        var target = generator.Allocate(value);
        using CLCodeGenerator.StatementEmitter statement = generator.BeginStatement(target);
        statement.AppendCommand(function);
        statement.BeginArguments();
        foreach (var argument in arguments) statement.AppendArgument(argument);
        statement.EndArguments();
    }

    private static bool UsesPredicates(MethodInfo method) =>
        method.ReturnType == typeof(bool) || method.GetParameters().Any(static parameter => parameter.ParameterType == typeof(bool));

    private static NotSupportedException Refusal(MethodBase method, string language) =>
        new($"{method.DeclaringType!.Name}.{method.Name} is not known to ILGPU's own compiler as {language}: kernels that need it are " +
            $"compiled by {nameof(Lia)}.{nameof(Gpu)}'s, for CUDA devices");
}
